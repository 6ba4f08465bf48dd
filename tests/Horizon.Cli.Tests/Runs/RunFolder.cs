using System.Text.Json;
using Horizon.Flow.Cli.Tests.Commands;
using Horizon.Flow.Models.Tests.Reference;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>A folder with a run's YAML file and data; runs the program as it ships, in this process.</summary>
public sealed class RunFolder : IDisposable
{
    private static readonly string[] Measured = ["seconds", "tokens_per_second", "device_bytes_peak", "host_bytes"];

    private readonly TemporaryFolder _folder = new();

    public string Path => _folder.Path;

    public string Output => In("out");

    public string Model => In("out/model");

    public static string Data(params string[] names) => System.IO.Path.Combine([AppContext.BaseDirectory, "data", .. names]);

    public static string Stories => Data("stories260K-hf");

    public string In(string name) => System.IO.Path.Combine(Path, name);

    public string Write(string name, string text) => _folder.Write(name, text);

    /// <summary>Writes token records, one a line.</summary>
    public string WriteTokens(string name, params IEnumerable<(long[] Ids, long[] Labels)> records) =>
        Write(name, string.Concat(records.Select(record => JsonSerializer.Serialize(new { input_ids = record.Ids, labels = record.Labels }) + "\n")));

    /// <summary>A copy of a model folder, to damage.</summary>
    public string CopyModel(string source)
    {
        var target = Directory.CreateDirectory(In("damaged")).FullName;
        foreach (var file in Directory.GetFiles(source)) File.Copy(file, System.IO.Path.Combine(target, System.IO.Path.GetFileName(file)));
        return target;
    }

    public Task<CommandHarness> RunAsync(params string[] arguments) => CommandHarness.RunAsync(HorizonCommandLine.WithLibrary(), arguments);

    /// <summary>Trains with run.yaml, over what an earlier run has left.</summary>
    public Task<CommandHarness> TrainAsync(params string[] set) =>
        RunAsync(["train", In("run.yaml"), "--set", "output.overwrite=true", .. set.SelectMany(assignment => (string[])["--set", assignment])]);

    /// <summary>The same from the newest checkpoint on.</summary>
    public Task<CommandHarness> ResumeAsync(params string[] set) =>
        RunAsync(["train", In("run.yaml"), "--resume", .. set.SelectMany(assignment => (string[])["--set", assignment])]);

    /// <summary>The metrics but for what a clock or the system measures.</summary>
    public List<string> LastingMetrics() => [.. Metrics().Select(line =>
        string.Join(", ", line.EnumerateObject().Where(field => !Measured.Contains(field.Name)).Select(field => $"{field.Name}={field.Value}")))];

    public byte[] ModelBytes() => File.ReadAllBytes(System.IO.Path.Combine(Model, "model.safetensors"));

    public IReadOnlyList<JsonElement> Metrics() =>
        [.. File.ReadLines(In("out/metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];

    public IEnumerable<double> Metric(string name) =>
        Metrics().Where(line => line.TryGetProperty(name, out _)).Select(line => line.GetProperty(name).GetDouble());

    public SafetensorsReader Weights() => new(System.IO.Path.Combine(Model, "model.safetensors"));

    public void Dispose() => _folder.Dispose();
}
