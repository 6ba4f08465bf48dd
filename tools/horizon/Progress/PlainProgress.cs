using Horizon.Flow.Accounting;
using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli;

/// <summary>
/// Lines for a pipe or a log: the first step, then one at most every few seconds, and always the last one, evaluations and notices.
/// </summary>
/// <param name="output">Where the lines go; each is flushed.</param>
/// <param name="time">The clock.</param>
/// <param name="interval">The least time between two steps' lines.</param>
public sealed class PlainProgress(TextWriter output, TimeProvider time, TimeSpan interval) : ITrainingProgress
{
    /// <inheritdoc/>
    public async Task ShowAsync(TrainingOutline outline, IAsyncEnumerable<TrainingEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        var clock = new StepClock(outline, time);
        long? lastLine = null;
        StepReport? unsaid = null;
        await WriteAsync(ProgressText.Begin(outline)).ConfigureAwait(false);
        try
        {
            await foreach (var happened in events.ConfigureAwait(false))
            {
                if (happened is not TrainingEvent.StepEnded { Report: var report })
                {
                    // What is said of a step comes after the step itself.
                    if (unsaid is not null)
                        await WriteAsync(Line(outline, clock, unsaid)).ConfigureAwait(false);
                    unsaid = null;
                    await WriteAsync(Other(outline, happened)).ConfigureAwait(false);
                    continue;
                }
                unsaid = report;
                if (lastLine is { } before && time.GetElapsedTime(before) < interval && !report.Skipped)
                    continue;
                await WriteAsync(Line(outline, clock, report)).ConfigureAwait(false);
                lastLine = time.GetTimestamp();
                unsaid = null;
            }
        }
        finally
        {
            // After an error too: the last step that went well is what one wants to know then.
            if (unsaid is not null)
                await WriteAsync(Line(outline, clock, unsaid)).ConfigureAwait(false);
        }
    }

    private static string Line(TrainingOutline outline, StepClock clock, StepReport report) => string.Join(
        "  ",
        new[] { ProgressText.Step(outline, report.Step), ProgressText.Learning(report), ProgressText.Cost(outline, report), ProgressText.Left(clock.Left(report.Step)) }
            .Where(part => part.Length > 0));

    private static string Other(TrainingOutline outline, TrainingEvent happened) => happened switch
    {
        TrainingEvent.Evaluated evaluated => ProgressText.Evaluation(outline, evaluated),
        TrainingEvent.Noticed noticed => Printable.Line(noticed.Text),
        _ => throw new ArgumentOutOfRangeException(nameof(happened), happened, "unknown event"),
    };

    private async Task WriteAsync(string line)
    {
        await output.WriteLineAsync(line).ConfigureAwait(false);
        await output.FlushAsync().ConfigureAwait(false);
    }
}
