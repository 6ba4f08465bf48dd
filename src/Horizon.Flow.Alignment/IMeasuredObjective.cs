using Horizon.Flow.Accounting;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;

namespace Horizon.Flow.Alignment;

/// <summary>An objective whose head gives numbers beside the loss: [names, 2], for each name a sum and what it is the sum over, so that micro-batches add up.</summary>
public interface IMeasuredObjective : IObjective
{
    /// <summary>What the numbers are called.</summary>
    IReadOnlyList<string> MetricNames { get; }

    /// <summary>The metrics of a step, each the mean over all of its micro-batches; one that nothing of the step counts for is left out.</summary>
    /// <param name="report">Of a run with this objective.</param>
    IReadOnlyDictionary<string, double> MetricsOf(StepReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return MetricsOf(report.Results);
    }

    /// <summary>The same of what visits of the head gave, of a step or of <see cref="TrainingRun.ScoreAsync"/>.</summary>
    /// <param name="results">Those of visits that give no loss are passed over.</param>
    IReadOnlyDictionary<string, double> MetricsOf(IEnumerable<HostResult> results) => MetricsOf(SumsOf(results));

    /// <summary>What the metrics are means of: those of several ranks add up.</summary>
    /// <param name="results">Those of visits that give no loss are passed over.</param>
    /// <returns>[names, 2]: for each name a sum, and what it is the sum over.</returns>
    double[] SumsOf(IEnumerable<HostResult> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        List<float[]> parts = [.. results.Where(result => result.Visit.Planned.GivesLoss).Select(result => result.Numbers)];
        return [.. Enumerable.Range(0, 2 * MetricNames.Count).Select(i => parts.Sum(part => (double)part[i]))];
    }

    /// <summary>The means of such sums; one that nothing counts for is left out.</summary>
    /// <param name="sums">[names, 2], see <see cref="SumsOf"/>.</param>
    IReadOnlyDictionary<string, double> MetricsOf(double[] sums)
    {
        ArgumentNullException.ThrowIfNull(sums);
        return MetricNames.Select((name, i) => (name, Sum: sums[2 * i], Count: sums[(2 * i) + 1])).Where(metric => metric.Count > 0).ToDictionary(metric => metric.name, metric => metric.Sum / metric.Count);
    }

    /// <summary>Lets the head's visits give their numbers to the host.</summary>
    StepProgram IObjective.Program(StepProgram program) => Measured(program);

    /// <summary>A program whose visits of the head give their numbers to the host, where there are any.</summary>
    protected StepProgram Measured(StepProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        return MetricNames.Count == 0 ? program
            : new StepProgram([.. program.Visits.Select(visit => visit.Op is Ops.Head or Ops.Score ? visit with { GivesResult = true } : visit)], program.Values);
    }
}
