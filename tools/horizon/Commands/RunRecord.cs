using System.Runtime.CompilerServices;
using Horizon.Flow.Runs.Metrics;
using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli;

/// <summary>Writes down what a run tells of, before anything is shown of it.</summary>
/// <param name="metrics">The run's metrics.jsonl.</param>
/// <param name="curves">The same for TensorBoard.</param>
/// <param name="summary">What is said at the end.</param>
/// <param name="printed">Where the run is shown; what is lost there is noted.</param>
internal sealed class RunRecord(MetricsWriter metrics, EventFileWriter curves, RunSummary summary, params IReadOnlyList<PrintedWriter> printed)
{
    /// <summary>Records the events and passes them on.</summary>
    public async IAsyncEnumerable<TrainingEvent> FollowAsync(
        IAsyncEnumerable<TrainingEvent> events, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await foreach (var happened in events.WithCancellation(cancellation).ConfigureAwait(false))
        {
            switch (happened)
            {
                case TrainingEvent.StepEnded { Report: var report, Metrics: var measured }:
                    metrics.Write(report, measured);
                    curves.Write(report);
                    summary.Add(report);
                    break;
                case TrainingEvent.Evaluated { Step: var step, Loss: var loss, Metrics: var measured }:
                    metrics.WriteEvaluation(step, loss, measured);
                    curves.WriteEvaluation(step, loss);
                    break;
            }
            NotePrintFailures();
            yield return happened;
        }
    }

    /// <summary>Notes, once for each, that the screen shows no more of the run.</summary>
    public void NotePrintFailures()
    {
        foreach (var writer in printed)
        {
            if (writer.TakeFailure() is { } failure)
                metrics.WriteNotice(summary.LastStep, $"the run cannot be shown any more, and goes on: {failure}");
        }
    }
}
