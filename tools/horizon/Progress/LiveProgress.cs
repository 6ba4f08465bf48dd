using Horizon.Flow.Runs.Session;
using Spectre.Console;
using Spectre.Console.Rendering;
using TextLine = Spectre.Console.Text;

namespace Horizon.Flow.Cli;

/// <summary>A bar and the newest numbers, redrawn in place on a terminal; evaluations and notices scroll away above it.</summary>
/// <param name="console">The terminal.</param>
/// <param name="time">The clock.</param>
public sealed class LiveProgress(IAnsiConsole console, TimeProvider time) : ITrainingProgress
{
    private const int BarWidth = 40;

    // Often enough to look alive, seldom enough to cost nothing beside steps of a millisecond.
    private static readonly TimeSpan Redraw = TimeSpan.FromMilliseconds(100);

    /// <inheritdoc/>
    public Task ShowAsync(TrainingOutline outline, IAsyncEnumerable<TrainingEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        console.WriteLine(ProgressText.Begin(outline));
        return console.Live(TextLine.Empty).StartAsync(live => FollowAsync(live, outline, events));
    }

    private async Task FollowAsync(LiveDisplayContext live, TrainingOutline outline, IAsyncEnumerable<TrainingEvent> events)
    {
        var clock = new StepClock(outline, time);
        long? drawn = null;
        TrainingEvent.StepEnded? undrawn = null;
        try
        {
            await foreach (var happened in events.ConfigureAwait(false))
            {
                switch (happened)
                {
                    case TrainingEvent.StepEnded ended:
                        undrawn = ended;
                        break;
                    case TrainingEvent.Evaluated evaluated:
                        Above(ProgressText.Evaluation(outline, evaluated));
                        break;
                    case TrainingEvent.Noticed noticed:
                        Above(Printable.Line(noticed.Text));
                        break;
                }
                if (undrawn is null || (drawn is { } before && time.GetElapsedTime(before) < Redraw))
                    continue;
                live.UpdateTarget(View(outline, clock, undrawn));
                drawn = time.GetTimestamp();
                undrawn = null;
            }
        }
        finally
        {
            if (undrawn is not null)
                live.UpdateTarget(View(outline, clock, undrawn));
        }
    }

    // The library draws such a line over the old bar without wiping it, hence the spaces.
    private void Above(string line) => console.WriteLine(line.PadRight(console.Profile.Width - 1));

    private Rows View(TrainingOutline outline, StepClock clock, TrainingEvent.StepEnded ended)
    {
        var report = ended.Report;
        var step = $"{ProgressText.Step(outline, report.Step)}  {ProgressText.Left(clock.Left(report.Step))}".TrimEnd();
        IRenderable first = outline.LastStep is { } last ? new Markup($"{Bar((double)report.Step / last)}  {Markup.Escape(step)}") : new TextLine(step);
        IRenderable[] rows = [first, new TextLine(ProgressText.Learning(report)), .. Measured(ended.Metrics), new TextLine(ProgressText.Cost(report))];
        return new Rows(rows);
    }

    private static IEnumerable<TextLine> Measured(IReadOnlyDictionary<string, double> metrics) => metrics.Count == 0 ? [] : [new TextLine(ProgressText.Measured(metrics))];

    private string Bar(double share)
    {
        var full = (int)(Math.Clamp(share, 0, 1) * BarWidth);
        var (done, open) = console.Profile.Capabilities.Unicode ? ('━', '─') : ('=', '-');
        return $"[green]{new string(done, full)}[/][grey]{new string(open, BarWidth - full)}[/]";
    }
}
