using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Runs.Reports;

/// <summary>Draws the first step of a <c>trace.json</c>, with what the next ones do meanwhile.</summary>
internal static class ReportedTrace
{
    private const int LongestBytes = 1 << 28;
    private const int MostSpans = 20_000;

    public static string Draw(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(UntrustedFile.ReadBytes(path, LongestBytes, "the trace of a run"));
            var all = document.RootElement.GetProperty("traceEvents").EnumerateArray().ToList();
            var names = all.Where(one => one.GetProperty("name").GetString() == "thread_name")
                .ToDictionary(RowOf, one => one.GetProperty("args").GetProperty("name").GetString()!);
            var spans = all.Where(one => one.GetProperty("ph").GetString() == "X").Select(one => (Row: RowOf(one), Span: SpanOf(one), IsStay: one.GetProperty("cat").GetString() == "unit")).ToList();
            var first = spans.Where(one => one.IsStay).Min(one => one.Span.Step);
            var ofStep = spans.Where(one => one.IsStay && one.Span.Step == first).ToList();
            var (from, to) = (ofStep.Min(one => one.Span.Start), ofStep.Max(one => one.Span.End));
            var shown = spans.Where(one => one.Span.End > from && one.Span.Start < to).OrderBy(one => one.Span.Start).Take(MostSpans).ToList();
            var rows = shown.GroupBy(one => one.Row).OrderBy(row => row.Key).Select(row => new TimelineRow(names[row.Key], [.. row.OrderByDescending(one => one.IsStay).Select(one => one.Span)]));
            return TimelinePicture.Draw([.. rows], from, to);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or OverflowException or ArgumentException)
        {
            throw new HorizonException($"{path} is not a trace of a run: {error.Message}; remove it to report without", error);
        }
    }

    private static (int Process, int Thread) RowOf(JsonElement one) => (one.GetProperty("pid").GetInt32(), one.GetProperty("tid").GetInt32());

    private static (long Start, long End, string Text, long Step) SpanOf(JsonElement one)
    {
        var (start, length) = (one.GetProperty("ts").GetDecimal(), one.GetProperty("dur").GetDecimal());
        var step = one.GetProperty("args").TryGetProperty("step", out var number) ? number.GetInt64() : 0;
        var name = one.GetProperty("name").GetString()!;
        var text = string.Create(CultureInfo.InvariantCulture, $"{name}{(step > 0 ? $", step {step}" : "")}, {length / 1000:F3} ms");
        return (Ticks(start), Ticks(start + length), text, one.GetProperty("cat").GetString() == "wait" ? TimelineRow.Waiting : Math.Max(0, step));
    }

    private static long Ticks(decimal microseconds) => (long)(microseconds * Stopwatch.Frequency / 1_000_000m);
}
