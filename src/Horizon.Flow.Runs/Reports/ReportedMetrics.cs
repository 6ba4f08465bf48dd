using System.Text.Json;
using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Runs.Reports;

/// <summary>The numbers of a <c>metrics.jsonl</c> by their names, and the notices.</summary>
/// <param name="Curves">For each name the steps and values, in the order of the file; null where a number was not finite.</param>
/// <param name="Notices">Steps and sentences.</param>
/// <param name="Skipped">Skipped steps and why.</param>
/// <param name="Unreadable">Lines that are no JSON object with a step, such as one that a killed run left cut off.</param>
internal sealed record ReportedMetrics(
    IReadOnlyDictionary<string, IReadOnlyList<(long Step, double? Value)>> Curves,
    IReadOnlyList<(long Step, string Text)> Notices,
    IReadOnlyList<(long Step, string Text)> Skipped,
    int Unreadable)
{
    private const long LongestBytes = 1L << 30;

    /// <exception cref="HorizonException">There is no such file.</exception>
    public static ReportedMetrics Read(string path)
    {
        if (!UntrustedFile.IsThere(path)) throw new HorizonException($"{path} is missing; name the output.directory of a run");
        var curves = new Dictionary<string, IReadOnlyList<(long, double?)>>(StringComparer.Ordinal);
        var (notices, skipped, unreadable) = (new List<(long, string)>(), new List<(long, string)>(), 0);
        using var reader = new StreamReader(UntrustedFile.OpenRead(path, LongestBytes, "the metrics of a run"));
        while (reader.ReadLine() is { } line)
        {
            try
            {
                using var document = JsonDocument.Parse(line);
                Take(document.RootElement, document.RootElement.GetProperty("step").GetInt64());
            }
            catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
            {
                unreadable++;
            }
        }

        return new(curves, notices, skipped, unreadable);

        void Take(JsonElement line, long step)
        {
            foreach (var field in line.EnumerateObject())
            {
                if (field.Name == "notice") notices.Add((step, field.Value.GetString() ?? ""));
                else if (field.Name == "skip_reason") skipped.Add((step, field.Value.GetString() ?? ""));
                else if (field.Name != "step" && field.Value.ValueKind is JsonValueKind.Number or JsonValueKind.Null)
                {
                    if (!curves.TryGetValue(field.Name, out var curve)) curves.Add(field.Name, curve = new List<(long, double?)>());
                    ((List<(long, double?)>)curve).Add((step, field.Value.ValueKind == JsonValueKind.Number && field.Value.GetDouble() is var number && double.IsFinite(number) ? number : null));
                }
            }
        }
    }
}
