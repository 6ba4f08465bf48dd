namespace Horizon.Flow.Tests.Training;

/// <summary>What a training run gave.</summary>
public sealed record TrainingOutcome(IReadOnlyList<StepReport> Reports, Dictionary<string, float[]> Parameters)
{
    /// <summary>Whether every loss, norm and parameter is the same to the last bit.</summary>
    public bool IsBitwise(TrainingOutcome other) =>
        Reports.Select(report => (report.Loss, report.GradientNorm)).SequenceEqual(other.Reports.Select(report => (report.Loss, report.GradientNorm)))
        && Parameters.All(pair => pair.Value.AsSpan().SequenceEqual(other.Parameters[pair.Key]));
}
