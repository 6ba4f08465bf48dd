using Horizon.Flow.Accounting;

namespace Horizon.Flow.Testing;

/// <summary>What a training run gave.</summary>
/// <param name="Reports">Of each step.</param>
/// <param name="Parameters">By tensor name.</param>
public sealed record TrainingOutcome(IReadOnlyList<StepReport> Reports, IReadOnlyDictionary<string, float[]> Parameters)
{
    /// <summary>Whether every loss, norm and parameter is the same to the last bit.</summary>
    public bool IsBitwise(TrainingOutcome other) => other is not null
        && Reports.Select(report => (report.Loss, report.GradientNorm)).SequenceEqual(other.Reports.Select(report => (report.Loss, report.GradientNorm)))
        && Parameters.All(pair => pair.Value.AsSpan().SequenceEqual(other.Parameters[pair.Key]));
}
