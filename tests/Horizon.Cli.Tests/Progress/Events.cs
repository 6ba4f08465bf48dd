using Horizon.Flow.Accounting;
using Horizon.Flow.Runs.Session;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Progress;

/// <summary>Scripted events: each may move the clock before it happens.</summary>
public static class Events
{
    public static readonly TrainingOutline Outline = new("llama, 135 M parameters, bf16, on cpu", FirstStep: 1, LastStep: 100);

    public static StepReport Report(long step, double loss = 2.5, bool skipped = false) => new(
        step, loss, skipped ? double.NaN : 1.25, 1e-4, 2048, TimeSpan.FromSeconds(2), 3L << 29, 1L << 32, skipped);

    public static TrainingEvent Step(long step, double loss = 2.5, bool skipped = false) => new TrainingEvent.StepEnded(Report(step, loss, skipped));

    /// <summary>The events, each <paramref name="apart"/> after the one before; then the error, if there is one.</summary>
    public static async IAsyncEnumerable<TrainingEvent> Play(
        IEnumerable<TrainingEvent> events, ManualTimeProvider time, TimeSpan apart, Exception? error = null)
    {
        foreach (var happened in events)
        {
            await Task.Yield();
            time.Advance(apart);
            yield return happened;
        }
        if (error is not null)
            throw error;
    }
}
