using System.Diagnostics;
using System.Text.Json;
using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Tracing;

/// <summary>
/// Writes spans in the trace-event format that Perfetto (ui.perfetto.dev) and chrome://tracing read: a row for each stage, on it a span for each
/// unit, and within that the spans of its waits; a row for each stream of the device. A stage that works on several units at once has as many rows.
/// </summary>
/// <remarks>Source: "Trace Event Format", complete events (X) and metadata (M). Times are in microseconds since the first span.</remarks>
public static class ChromeTrace
{
    private const int StageProcess = 1;
    private const int DeviceProcess = 2;

    /// <summary>Writes the file.</summary>
    /// <param name="file">Its path; one that is there is replaced.</param>
    /// <param name="stages">Stays of units in stages.</param>
    /// <param name="device">Work on the streams; what began before the first stay is left out.</param>
    /// <exception cref="HorizonException">It cannot be written.</exception>
    public static void Write(string file, IReadOnlyList<TracedSpan> stages, IReadOnlyList<DeviceSpan> device)
    {
        ArgumentNullException.ThrowIfNull(stages);
        ArgumentNullException.ThrowIfNull(device);
        try
        {
            OutputFile.Claim(file);
            using var stream = File.Create(file);
            Write(stream, stages, device);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"the trace '{file}' cannot be written: {error.Message.TrimEnd('.')}", error);
        }
    }

    /// <summary>Writes to a stream, which is left open.</summary>
    /// <param name="output">The stream.</param>
    /// <param name="stages">Stays of units in stages.</param>
    /// <param name="device">Work on the streams; what began before the first stay or after the last is left out.</param>
    public static void Write(Stream output, IReadOnlyList<TracedSpan> stages, IReadOnlyList<DeviceSpan> device)
    {
        ArgumentNullException.ThrowIfNull(stages);
        ArgumentNullException.ThrowIfNull(device);
        using var json = new Utf8JsonWriter(output);
        var (from, to) = stages.Count == 0 ? (0, 0) : (stages.Min(span => span.Start), stages.Max(span => span.End));
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ms");
        json.WriteStartArray("traceEvents");
        WriteStages(json, stages, from);
        WriteDevice(json, [.. device.Where(span => span.Start >= from && span.Start <= to)], from);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteStages(Utf8JsonWriter json, IReadOnlyList<TracedSpan> spans, long from)
    {
        WriteName(json, "process_name", StageProcess, 0, "stages (host time)");
        var row = 0;
        foreach (var stage in spans.GroupBy(span => span.Stage).OrderBy(stage => stage.Min(span => span.Start)))
        {
            var lanes = Lanes(stage);
            for (var lane = 0; lane < lanes.Count; lane++)
            {
                WriteName(json, "thread_name", StageProcess, ++row, lane == 0 ? stage.Key : $"{stage.Key} ({lane + 1})");
                foreach (var span in lanes[lane]) WriteStay(json, span, row, from);
            }
        }
    }

    private static void WriteDevice(Utf8JsonWriter json, IReadOnlyList<DeviceSpan> spans, long from)
    {
        if (spans.Count == 0) return;
        WriteName(json, "process_name", DeviceProcess, 0, spans.All(span => span.IsMeasured) ? "device streams (device events)" : "device streams (host time)");
        var row = 0;
        foreach (var stream in spans.GroupBy(span => span.Stream).OrderBy(stream => stream.Key, StringComparer.Ordinal))
        {
            WriteName(json, "thread_name", DeviceProcess, ++row, stream.Key);
            foreach (var span in stream.OrderBy(span => span.Start))
            {
                Begin(json, span.Bytes > 0 ? "copy" : "kernels", stream.Key, DeviceProcess, row, span.Start - from, span.End - span.Start);
                json.WriteNumber("bytes", span.Bytes);
                json.WriteNumber("waited_for_data_us", Microseconds(span.WaitedForData));
                json.WriteNumber("waited_for_host_us", Microseconds(span.WaitedForHost));
                End(json);
            }
        }
    }

    private static void WriteStay(Utf8JsonWriter json, TracedSpan span, int row, long from)
    {
        Begin(json, span.Unit, "unit", StageProcess, row, span.Start - from, span.End - span.Start);
        json.WriteNumber("step", span.Step);
        if (span.Op is { } op) json.WriteString("op", op);
        if (span.MicroBatch is { } microBatch) json.WriteNumber("micro_batch", microBatch);
        json.WriteNumber("waited_us", Microseconds(span.WaitedTicks));
        End(json);
        foreach (var (start, end) in span.Waits)
        {
            Begin(json, "waiting", "wait", StageProcess, row, start - from, end - start);
            json.WriteNumber("step", span.Step);
            json.WriteString("unit", span.Unit);
            End(json);
        }
    }

    // Each stay goes to the first row that is free again; a stage that works on one unit at a time needs one.
    private static List<List<TracedSpan>> Lanes(IEnumerable<TracedSpan> spans)
    {
        var lanes = new List<List<TracedSpan>>();
        foreach (var span in spans.OrderBy(span => span.Start).ThenBy(span => span.End))
        {
            var free = lanes.Find(lane => lane[^1].End <= span.Start);
            if (free is null) lanes.Add([span]);
            else free.Add(span);
        }

        return lanes;
    }

    private static void WriteName(Utf8JsonWriter json, string what, int process, int row, string name)
    {
        json.WriteStartObject();
        json.WriteString("ph", "M");
        json.WriteNumber("pid", process);
        json.WriteNumber("tid", row);
        json.WriteString("name", what);
        json.WriteStartObject("args");
        json.WriteString("name", name);
        End(json);
        if (what != "thread_name") return;
        json.WriteStartObject();
        json.WriteString("ph", "M");
        json.WriteNumber("pid", process);
        json.WriteNumber("tid", row);
        json.WriteString("name", "thread_sort_index");
        json.WriteStartObject("args");
        json.WriteNumber("sort_index", row);
        End(json);
    }

    private static void Begin(Utf8JsonWriter json, string name, string category, int process, int row, long start, long duration)
    {
        json.WriteStartObject();
        json.WriteString("ph", "X");
        json.WriteNumber("pid", process);
        json.WriteNumber("tid", row);
        json.WriteString("cat", category);
        json.WriteString("name", name);
        json.WriteNumber("ts", Microseconds(start));
        json.WriteNumber("dur", Microseconds(Math.Max(0, duration)));
        json.WriteStartObject("args");
    }

    private static void End(Utf8JsonWriter json)
    {
        json.WriteEndObject();
        json.WriteEndObject();
    }

    // A decimal, so that nanoseconds add up exactly and neighbours do not seem to overlap.
    private static decimal Microseconds(long ticks) => ticks * 1_000_000m / Stopwatch.Frequency;
}
