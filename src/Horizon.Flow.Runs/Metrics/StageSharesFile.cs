using System.Text.Json;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Runs.Metrics;

/// <summary>
/// Where each stage's time went in a run, as <c>stages.json</c> in its output folder: an object from stage to messages and seconds.
/// </summary>
public static class StageSharesFile
{
    /// <summary>The file's name.</summary>
    public const string Name = "stages.json";

    private const int LongestBytes = 1 << 20;

    private static readonly JsonSerializerOptions Format = new() { WriteIndented = true };

    /// <summary>Writes the file; makes the folder if there is none.</summary>
    /// <exception cref="HorizonException">It cannot be written.</exception>
    public static void Write(string directory, IReadOnlyDictionary<string, StageShares> shares)
    {
        ArgumentNullException.ThrowIfNull(shares);
        var seconds = shares.ToDictionary(pair => pair.Key, pair => new Dictionary<string, double>
        {
            ["messages"] = pair.Value.Messages,
            ["busy"] = pair.Value.Busy.TotalSeconds,
            ["waiting"] = pair.Value.Waiting.TotalSeconds,
            ["no_input"] = pair.Value.Starved.TotalSeconds,
            ["blocked"] = pair.Value.Blocked.TotalSeconds,
        });
        var path = Path.Combine(directory, Name);
        try
        {
            Directory.CreateDirectory(directory);
            OutputFile.Claim(path);
            File.WriteAllText(path, JsonSerializer.Serialize(seconds, Format));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"{path} cannot be written: {error.Message.TrimEnd('.')}", error);
        }
    }

    /// <summary>Reads the file.</summary>
    /// <exception cref="HorizonException">There is none, or it is not one.</exception>
    public static IReadOnlyDictionary<string, StageShares> Read(string directory)
    {
        var path = Path.Combine(directory, Name);
        if (!UntrustedFile.IsThere(path)) throw new HorizonException($"{directory} has no {Name}; name the output.directory of a run that has ended");
        try
        {
            var seconds = JsonSerializer.Deserialize<Dictionary<string, Dictionary<string, double>>>(UntrustedFile.ReadText(path, LongestBytes, "a record of a run's stages"))!;
            return seconds.ToDictionary(pair => pair.Key, pair => new StageShares(
                (long)pair.Value["messages"], Time(pair.Value, "busy"), Time(pair.Value, "waiting"), Time(pair.Value, "no_input"), Time(pair.Value, "blocked")));
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or OverflowException or NullReferenceException or ArgumentException)
        {
            throw new HorizonException($"{path} is not a record of a run's stages: {error.Message}; run the training again to write it anew", error);
        }
    }

    private static TimeSpan Time(Dictionary<string, double> seconds, string key) => TimeSpan.FromSeconds(seconds[key]);
}
