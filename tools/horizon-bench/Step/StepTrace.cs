using System.Collections.Concurrent;
using System.Diagnostics;
using Horizon.Flow.Graph;

namespace Horizon.Flow.Bench;

/// <summary>The spans of stages and streams after the warm-up: where the device stood still, and a file for trace viewers.</summary>
internal sealed class StepTrace(int warmUp)
{
    private readonly ConcurrentQueue<(string Stage, string Name, long Step, long Start, long End)> _stages = [];
    private static readonly string[] Streams = ["compute", "upload", "download"];
    private static readonly string[] HostStages = [Stages.Download.Name, Stages.Accumulate.Name, Stages.Clip.Name, Stages.Update.Name, Stages.Commit.Name];
    private long _from = long.MaxValue;

    public void OnSpan(StageSpan span)
    {
        if (span.Message is not { } message || message.Step <= warmUp) return;
        if (span.Stage == Stages.Forward.Name) Interlocked.CompareExchange(ref _from, span.Start, long.MaxValue);
        _stages.Enqueue((span.Stage, message.UnitName, message.Step, span.Start + span.WaitedTicks, span.End));
    }

    public void Summarize(IReadOnlyList<DeviceSpan> spans, Report report)
    {
        var measured = spans.Where(span => span.Start >= _from).ToList();
        if (measured.Count == 0) return;
        var all = measured.Max(span => span.End) - measured.Min(span => span.Start);
        foreach (var stream in measured.GroupBy(span => span.Stream).OrderBy(group => group.Key))
        {
            var busy = stream.Sum(span => span.End - span.Start);
            var bytes = stream.Sum(span => (double)span.Bytes);
            report.Say($"stream {stream.Key}: busy {Share(busy, all):P1}, idle for want of data {Share(stream.Sum(span => span.WaitedForData), all):P1}, idle for want of the host {Share(stream.Sum(span => span.WaitedForHost), all):P1}{(bytes > 0 ? FormattableString.Invariant($"; {bytes / 1e9:F1} GB at {bytes / Seconds(busy) / 1e9:F1} GB/s while busy") : "")}");
        }

        foreach (var gap in measured.Where(span => span.Stream == "compute").OrderByDescending(span => span.WaitedForData + span.WaitedForHost).Take(8))
            report.Say($"  gap before compute at {Seconds(gap.Start - _from):F3} s: data {Seconds(gap.WaitedForData) * 1e3:F1} ms, host {Seconds(gap.WaitedForHost) * 1e3:F1} ms");
    }

    /// <summary>Writes the trace-event format that chrome://tracing and Perfetto read.</summary>
    public void Write(string file, IReadOnlyList<DeviceSpan> spans)
    {
        using var writer = new StreamWriter(file);
        writer.WriteLine("{\"traceEvents\":[");
        var lines = _stages.Select(span => Line("stages", span.Stage, $"{span.Name}, step {span.Step}", span.Start, span.End))
            .Concat(spans.Where(span => span.Start >= _from).Select(span => Line(
                "device", span.Stream, FormattableString.Invariant($"{(span.Bytes > 0 ? $"{span.Bytes / 1e6:F0} MB" : "kernels")}, waited {Seconds(span.WaitedForData) * 1e3:F1} ms for data, {Seconds(span.WaitedForHost) * 1e3:F1} ms for the host"), span.Start, span.End)));
        writer.WriteLine(string.Join(",\n", lines));
        writer.WriteLine("]}");
    }

    /// <summary>Draws one step, from its first forward on: a row for each stage and each stream.</summary>
    public void Draw(string file, IReadOnlyList<DeviceSpan> spans, long step)
    {
        var ofStep = _stages.Where(span => span.Step == step).ToList();
        if (ofStep.Count == 0) return;
        var (from, to) = (ofStep.Where(span => span.Stage == Stages.Forward.Name).Min(span => span.Start), ofStep.Max(span => span.End));
        var rows = spans.GroupBy(span => span.Stream).OrderBy(group => Array.IndexOf(Streams, group.Key))
            .Select(group => new TraceRow($"{group.Key} stream", [.. group.Select(span => (span.Start, span.End, span.Bytes > 0 ? $"{span.Bytes / 1e6:F0} MB" : "kernels", 0L))]))
            .Concat(_stages.GroupBy(span => span.Stage).OrderBy(group => Array.IndexOf(HostStages, group.Key)).Where(group => HostStages.Contains(group.Key))
                .Select(group => new TraceRow(group.Key, [.. group.Select(span => (span.Start, span.End, $"{span.Name}, step {span.Step}", span.Step))])));
        File.WriteAllText(file, TracePicture.Draw([.. rows], from, to));
    }

    private string Line(string process, string thread, string name, long start, long end) => FormattableString.Invariant(
        $"{{\"ph\":\"X\",\"pid\":\"{process}\",\"tid\":\"{thread}\",\"name\":\"{name}\",\"ts\":{Seconds(start - _from) * 1e6:F1},\"dur\":{Seconds(Math.Max(0, end - start)) * 1e6:F1}}}");

    private static double Share(long part, long all) => all > 0 ? (double)part / all : 0;

    private static double Seconds(long ticks) => (double)ticks / Stopwatch.Frequency;
}
