using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Experts;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Dense;

/// <summary>
/// What a layer takes on a device, as steps of Gemma 3 and of Qwen 3's experts were measured as a whole (docs/benchmarks/2026-11-26-plan.md): above what its operators make.
/// </summary>
/// <param name="config">With the heads of this layer.</param>
/// <param name="experts">Null where the layer has none.</param>
/// <param name="delta">Null where the layer has no linear attention.</param>
/// <param name="unit">What the layer has.</param>
/// <param name="batch">The micro-batch.</param>
internal sealed class DenseLayerEstimate(DenseConfig config, ExpertFeedForward? experts, DeltaAttention? delta, UnitLayout unit, BatchShape batch)
{
    /// <summary>The outputs of products and curves, and norms in fp32.</summary>
    public long Tape => (2 * Outputs * batch.TokenBytes) + (3L * config.HiddenSize * unit.Parameters.Count(slot => Roles.IsNorm(slot.Role)) * batch.WideTokenBytes)
        + (experts?.KeptBytes(config.HiddenSize, batch) ?? 0) + (delta?.KeptBytes(batch) ?? 0);

    /// <summary>Beside the tape.</summary>
    public long Forward => Beside + (experts?.ForwardBytes(config.HiddenSize, batch) ?? 0);

    /// <summary>Beside the tape.</summary>
    public long Backward => Beside + (experts?.BackwardBytes(config.HiddenSize, batch) ?? 0) + ExpertMemory.GradientBytes(unit, batch);

    private long Beside => (Outputs * batch.TokenBytes) + (Between * batch.WideTokenBytes) + (delta?.WorkingBytes(batch) ?? 0);

    // What lies between the products beside what they give, as wide as the hidden state where experts stand for the feed-forward (in parts not measured since).
    private long Between => experts is null ? 6L * Math.Max(config.HiddenSize, config.IntermediateSize)
        : 5L * (config is { ExpertsBeside: false, Experts.Parts: 1 } ? config.HiddenSize : Math.Max(config.HiddenSize, config.IntermediateSize));

    private long Outputs =>
        unit.Parameters.Where(slot => slot.Shape.Count == 2 && !Roles.IsExpert(slot.Role) && !AdapterLayout.IsB(slot))
            .Sum(slot => slot.Shape[config.TransposedMatrices && !AdapterLayout.IsA(slot) ? 1 : 0])
        + (2L * config.HeadCount * config.HeadDimension); // keys and values once for each query head
}
