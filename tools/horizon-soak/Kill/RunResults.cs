using System.Text.Json;

namespace Horizon.Flow.Soak;

/// <summary>What a run leaves that must not depend on interruptions: the model's bytes, and the metrics without what a clock measures.</summary>
internal sealed record RunResults(byte[] Model, IReadOnlyList<string> Metrics)
{
    private static readonly string[] Measured = ["seconds", "tokens_per_second", "device_bytes_peak", "host_bytes"];

    public static RunResults Of(string output) => new(
        File.ReadAllBytes(Path.Combine(output, "model", "model.safetensors")),
        [.. File.ReadLines(Path.Combine(output, "metrics.jsonl")).Select(Lasting)]);

    /// <summary>The first difference in words, or null.</summary>
    public string? DifferenceFrom(RunResults expected)
    {
        if (Metrics.Count != expected.Metrics.Count) return $"{Metrics.Count} lines of metrics, not {expected.Metrics.Count}";
        var other = Metrics.Zip(expected.Metrics).FirstOrDefault(pair => pair.First != pair.Second);
        if (other.First is not null) return $"metrics {other.First}, not {other.Second}";
        return Model.AsSpan().SequenceEqual(expected.Model) ? null : "another model";
    }

    private static string Lasting(string line)
    {
        using var json = JsonDocument.Parse(line);
        return string.Join(", ", json.RootElement.EnumerateObject().Where(field => !Measured.Contains(field.Name)).Select(field => $"{field.Name}={field.Value}"));
    }
}
