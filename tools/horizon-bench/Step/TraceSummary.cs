using System.Diagnostics;
using Horizon.Flow.Runs.Reports;
using Horizon.Flow.Tracing;

namespace Horizon.Flow.Bench;

/// <summary>What the spans after the warm-up show: where the device stood still, and a picture of a step.</summary>
internal sealed class TraceSummary
{
    private static readonly string[] Streams = ["compute", "upload", "download"];
    private static readonly string[] HostStages = [Stages.Download.Name, Stages.Accumulate.Name, Stages.Clip.Name, Stages.Update.Name, Stages.Commit.Name];
    private readonly IReadOnlyList<TracedSpan> _stages;
    private readonly IReadOnlyList<DeviceSpan> _device;
    private readonly long _from;

    public TraceSummary(IReadOnlyList<TracedSpan> stages, IReadOnlyList<DeviceSpan> device)
    {
        (_stages, _device) = (stages, device);
        _from = stages.Where(span => span.Stage == Stages.Forward.Name).Select(span => span.Start).DefaultIfEmpty(long.MaxValue).Min();
    }

    public void Describe(Report report)
    {
        var measured = _device.Where(span => span.Start >= _from).ToList();
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

    /// <summary>Draws one step, from its first forward on: a row for each stage and each stream.</summary>
    public void Draw(string file, long step)
    {
        var ofStep = _stages.Where(span => span.Step == step).ToList();
        if (ofStep.Count == 0) return;
        var (from, to) = (ofStep.Where(span => span.Stage == Stages.Forward.Name).Min(span => span.Start), ofStep.Max(span => span.End));
        var rows = _device.GroupBy(span => span.Stream).OrderBy(group => Array.IndexOf(Streams, group.Key))
            .Select(group => new TimelineRow($"{group.Key} stream", [.. group.Select(span => (span.Start, span.End, span.Bytes > 0 ? $"{span.Bytes / 1e6:F0} MB" : "kernels", 0L))]))
            .Concat(_stages.GroupBy(span => span.Stage).OrderBy(group => Array.IndexOf(HostStages, group.Key)).Where(group => HostStages.Contains(group.Key))
                .Select(group => new TimelineRow(group.Key, [.. group.Select(span => (span.Start + span.WaitedTicks, span.End, $"{span.Unit}, step {span.Step}", span.Step))])));
        File.WriteAllText(file, TimelinePicture.Draw([.. rows], from, to));
    }

    private static double Share(long part, long all) => all > 0 ? (double)part / all : 0;

    private static double Seconds(long ticks) => (double)ticks / Stopwatch.Frequency;
}
