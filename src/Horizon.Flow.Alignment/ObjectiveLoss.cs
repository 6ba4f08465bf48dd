using static TorchSharp.torch;

namespace Horizon.Flow.Alignment;

/// <summary>What an objective makes of a micro-batch.</summary>
/// <param name="Sum">Scalar, fp32 or fp64: the sum of the losses, derived by autograd.</param>
public sealed record ObjectiveLoss(Tensor Sum)
{
    /// <summary>[names, 2]: for each of <see cref="LogProbabilityObjective.MetricNames"/> a sum and what it is the sum over, so that micro-batches add up. Null for none.</summary>
    public Tensor? Metrics { get; init; }
}
