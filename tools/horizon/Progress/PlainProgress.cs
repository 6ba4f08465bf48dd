using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli;

/// <summary>
/// Lines for a pipe or a log: the first step, then one at most every few seconds, or one every so many steps where the run says so, and always the last one, evaluations and notices.
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
        TrainingEvent.StepEnded? unsaid = null;
        await WriteAsync(ProgressText.Begin(outline)).ConfigureAwait(false);
        try
        {
            await foreach (var happened in events.ConfigureAwait(false))
            {
                if (happened is not TrainingEvent.StepEnded ended)
                {
                    // What is said of a step comes after the step itself.
                    if (unsaid is not null)
                        await WriteAsync(Line(outline, clock, unsaid)).ConfigureAwait(false);
                    unsaid = null;
                    await WriteAsync(Other(outline, happened)).ConfigureAwait(false);
                    continue;
                }
                unsaid = ended;
                var isDue = outline.LogEverySteps > 0 ? ended.Report.Step % outline.LogEverySteps == 0
                    : lastLine is not { } before || time.GetElapsedTime(before) >= interval;
                if (!isDue && !ended.Report.Skipped)
                    continue;
                await WriteAsync(Line(outline, clock, ended)).ConfigureAwait(false);
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

    private static string Line(TrainingOutline outline, StepClock clock, TrainingEvent.StepEnded ended) => string.Join(
        "  ",
        new[]
        {
            ProgressText.Step(outline, ended.Report.Step), ProgressText.Learning(ended.Report), ProgressText.Measured(ended.Metrics),
            ProgressText.Cost(outline, ended.Report), ProgressText.Left(clock.Left(ended.Report.Step)),
        }
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
