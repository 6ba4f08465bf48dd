using System.Collections.Immutable;
using System.Globalization;
using Horizon.Flow.Accounting;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Session;
using Spectre.Console;
using Spectre.Console.Rendering;
using TextLine = Spectre.Console.Text;

namespace Horizon.Flow.Cli;

/// <summary>
/// A bar, the newest numbers, the loss as a curve, and where the stages' time and the memory go, redrawn in place on a terminal; evaluations and notices scroll
/// away above it.
/// </summary>
/// <param name="console">The terminal.</param>
/// <param name="time">The clock.</param>
/// <param name="refresh">How often it is redrawn while nothing happens; null for never.</param>
public sealed class LiveProgress(IAnsiConsole console, TimeProvider time, TimeSpan? refresh = null) : ITrainingProgress
{
    private const int BarWidth = 40;
    private const int CurveWidth = 32;
    private const int MemoryWidth = 12;

    // More losses than that are thinned: the curve shows the whole run in a few characters.
    private const int LongestCurve = 4096;

    // Often enough to look alive, seldom enough to cost nothing beside steps of a millisecond.
    private static readonly TimeSpan Redraw = TimeSpan.FromMilliseconds(100);

    private readonly List<double> _losses = [];
    private IReadOnlyDictionary<string, double> _measured = ImmutableDictionary<string, double>.Empty;
    private bool _isUnicode;

    /// <inheritdoc/>
    public Task ShowAsync(TrainingOutline outline, IAsyncEnumerable<TrainingEvent> events)
    {
        ArgumentNullException.ThrowIfNull(outline);
        ArgumentNullException.ThrowIfNull(events);
        _isUnicode = console.Profile.Capabilities.Unicode;
        _losses.Clear();
        console.WriteLine(ProgressText.Begin(outline));
        return console.Live(TextLine.Empty).StartAsync(live => FollowAsync(live, outline, events));
    }

    private async Task FollowAsync(LiveDisplayContext live, TrainingOutline outline, IAsyncEnumerable<TrainingEvent> events)
    {
        var clock = new StepClock(outline, time);
        var bars = outline.Shares is { } shares ? new StageBars(shares, _isUnicode) : null;
        var began = time.GetTimestamp();
        long? drawn = null;
        StepReport? last = null;
        var isDrawn = true;
        void Draw()
        {
            live.UpdateTarget(last is null ? WarmingUp(outline, time.GetElapsedTime(began), bars) : View(outline, clock, last, bars));
            (drawn, isDrawn) = (time.GetTimestamp(), true);
        }

        var source = events.GetAsyncEnumerator();
        try
        {
            while (await NextAsync(source, Draw).ConfigureAwait(false))
            {
                switch (source.Current)
                {
                    case TrainingEvent.StepEnded { Report: var report, Metrics: var measured }:
                        (last, _measured, isDrawn) = (report, measured, false);
                        Remember(report.Loss);
                        bars?.Begin();
                        break;
                    case TrainingEvent.Evaluated evaluated:
                        Above(ProgressText.Evaluation(outline, evaluated));
                        break;
                    case TrainingEvent.Noticed noticed:
                        Above(Printable.Line(noticed.Text));
                        break;
                }

                if (!isDrawn && (drawn is not { } before || time.GetElapsedTime(before) >= Redraw)) Draw();
            }
        }
        finally
        {
            if (!isDrawn) Draw();
            await source.DisposeAsync().ConfigureAwait(false);
        }
    }

    // Steps may take minutes, and the first of them warms up: what the stages do is shown all the while.
    private async Task<bool> NextAsync(IAsyncEnumerator<TrainingEvent> source, Action draw)
    {
        var next = source.MoveNextAsync().AsTask();
        while (refresh is { } often && await Task.WhenAny(next, Task.Delay(often, time)).ConfigureAwait(false) != next) draw();
        return await next.ConfigureAwait(false);
    }

    private void Remember(double loss)
    {
        if (_losses.Count == LongestCurve)
        {
            var thinned = _losses.Where((_, i) => i % 2 == 1).ToList();
            _losses.Clear();
            _losses.AddRange(thinned);
        }

        _losses.Add(loss);
    }

    // The library draws such a line over the old bar without wiping it, hence the spaces.
    private void Above(string line)
    {
        var width = Math.Max(1, console.Profile.Width - 1);
        for (var from = 0; from == 0 || from < line.Length; from += width) console.WriteLine(line.Substring(from, Math.Min(width, line.Length - from)).PadRight(width));
    }

    private static Rows WarmingUp(TrainingOutline outline, TimeSpan elapsed, StageBars? bars) =>
        Stack(new TextLine($"warming up: {ProgressText.Step(outline, outline.FirstStep)} is under way, {ProgressText.Duration(elapsed)} so far"), bars?.Draw());

    private Rows View(TrainingOutline outline, StepClock clock, StepReport report, StageBars? bars)
    {
        var step = $"{ProgressText.Step(outline, report.Step)}  {ProgressText.Left(clock.Left(report.Step))}".TrimEnd();
        IRenderable first = outline.LastStep is { } last ? new Markup($"{Bar((double)report.Step / last)}  {Markup.Escape(step)}") : new TextLine(step);
        var curve = Sparkline.Of(_losses, CurveWidth, _isUnicode);
        var learning = new Markup($"{Markup.Escape(ProgressText.Learning(report))}{(_losses.Count > 1 && curve.Length > 0 ? $"  [blue]{curve}[/]" : "")}");
        var measured = _measured.Count == 0 ? null : new TextLine(ProgressText.Measured(_measured));
        return Stack(first, learning, measured, new TextLine(ProgressText.Speed(outline, report)), Memory(outline, report), bars?.Draw());
    }

    private static Rows Stack(params IReadOnlyList<IRenderable?> lines) => new(lines.OfType<IRenderable>());

    private IRenderable Memory(TrainingOutline outline, StepReport report)
    {
        var (device, host) = (Memory(outline, MemoryPlace.Device, report.DeviceBytesPeak), Memory(outline, MemoryPlace.Host, report.HostBytes));
        return outline.Memory is null ? new Markup($"{device}  {host}") : new Rows(new Markup(device), new Markup(host));
    }

    private string Memory(TrainingOutline outline, MemoryPlace place, long bytes)
    {
        var name = place == MemoryPlace.Host ? "host" : "device";
        if (outline.Memory?.Needed(place) is not { Bytes: > 0 } planned) return $"{name} {new ByteSize(bytes)}";
        var share = (double)bytes / planned.Bytes;
        var colour = share > 1.03 ? "red" : "green";
        return string.Create(CultureInfo.InvariantCulture, $"{name,-6} {Bar(share, MemoryWidth, colour)} {new ByteSize(bytes)} of {planned} planned");
    }

    private string Bar(double share, int width = BarWidth, string colour = "green")
    {
        var full = (int)(Math.Clamp(share, 0, 1) * width);
        var (done, open) = _isUnicode ? ('━', '─') : ('=', '-');
        return $"[{colour}]{new string(done, full)}[/][grey]{new string(open, width - full)}[/]";
    }
}
