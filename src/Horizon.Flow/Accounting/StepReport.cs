using Horizon.Flow.Messages;

namespace Horizon.Flow.Accounting;

/// <summary>
/// What one optimizer step did. A skipped step had a loss or a gradient norm that was not finite: its gradients were thrown away and the store was not
/// touched.
/// </summary>
/// <param name="Step">The step's number, from 1.</param>
/// <param name="Loss">The mean over the labelled next tokens of the whole step, in nats; with an objective, over what it counts.</param>
/// <param name="GradientNorm">The global L2 norm of the gradient before clipping.</param>
/// <param name="LearningRate">The learning rate that the step used.</param>
/// <param name="Tokens">Tokens of the step, over all of its micro-batches.</param>
/// <param name="Elapsed">How long the step took.</param>
/// <param name="DeviceBytesPeak">The most device memory in use at once so far, in bytes.</param>
/// <param name="HostBytes">The process's resident host memory, in bytes.</param>
/// <param name="Skipped">Whether the step was skipped.</param>
public sealed record StepReport(
    long Step,
    double Loss,
    double GradientNorm,
    double LearningRate,
    long Tokens,
    TimeSpan Elapsed,
    long DeviceBytesPeak,
    long HostBytes,
    bool Skipped)
{
    /// <summary>Why the step was skipped, with the unit and micro-batch where it began; null when it was not.</summary>
    public string? SkipReason { get; init; }

    /// <summary>By how many of its deviations the loss lies above its running mean, where that is a spike (see <see cref="LossWatch"/>); else null.</summary>
    public double? LossSpike { get; init; }

    /// <summary>The numbers that visits of the step's program gave, in its order; none where no visit gives a result.</summary>
    public IReadOnlyList<HostResult> Results { get; init; } = [];

    /// <summary>Tokens in a second; 0 where no time was measured.</summary>
    public double TokensPerSecond => Elapsed > TimeSpan.Zero ? Tokens / Elapsed.TotalSeconds : 0;
}
