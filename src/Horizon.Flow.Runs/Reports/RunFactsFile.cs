using System.Text.Json;
using System.Text.Json.Serialization;
using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Runs.Reports;

/// <summary>The file in a run's output folder that says what it was; written when it begins.</summary>
public static class RunFactsFile
{
    /// <summary>The file's name.</summary>
    public const string Name = "run.json";

    private const int LongestBytes = 1 << 24;

    internal static void Write(string directory, RunFacts facts)
    {
        var path = Path.Combine(directory, Name);
        try
        {
            Directory.CreateDirectory(directory);
            OutputFile.Claim(path);
            File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(facts, RunFactsJson.Default.RunFacts));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"{path} cannot be written: {error.Message.TrimEnd('.')}", error);
        }
    }

    /// <summary>Null where there is none, as in folders of older runs.</summary>
    internal static RunFacts? Read(string directory)
    {
        var path = Path.Combine(directory, Name);
        if (!UntrustedFile.IsThere(path)) return null;
        try
        {
            var facts = JsonSerializer.Deserialize(UntrustedFile.ReadText(path, LongestBytes, "a record of what a run was"), RunFactsJson.Default.RunFacts);
            if (facts is not null && (facts.Nodes.DistinctBy(node => node?.Name).Count() < facts.Nodes.Count || facts.Nodes.Contains(null!) || facts.Edges.Contains(null!)))
                throw new JsonException("each stage of the graph needs a name of its own");
            return facts;
        }
        catch (JsonException error)
        {
            throw new HorizonException($"{path} is not a record of what a run was: {error.Message}; remove it to report without", error);
        }
    }
}

/// <summary>Source-generated JSON of the file.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RunFacts))]
internal sealed partial class RunFactsJson : JsonSerializerContext;
