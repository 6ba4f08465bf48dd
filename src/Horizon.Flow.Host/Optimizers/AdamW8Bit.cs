using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// AdamW with its moments in 8 bits (Dettmers et al., arXiv 2110.02861): each block of 256 elements of a parameter is scaled by its
/// largest magnitude and kept as codes of a <see cref="DynamicMap"/>; the arithmetic is AdamW's in fp32, and the weights see the
/// moments before they are rounded. State: 1 + 1 bytes a parameter and 4 + 4 a block, so that with exact masters a
/// parameter takes 6.03 bytes in all.
/// </summary>
/// <remarks>Blocks restart at every parameter. Second moments above 0 are never rounded to 0, other than in the paper's code.</remarks>
internal sealed class AdamW8Bit(OptimizerOptions options) : HostOptimizer<QuantizedPieces>(options)
{
    /// <inheritdoc/>
    public override string Name => "adamw8bit";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> StateSettings => AdamWRule.StateSettings(Options);

    /// <inheritdoc/>
    public override IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout)
    {
        var scales = QuantizedPieces.CountBlocks(layout) * sizeof(float);
        return
        [
            new("exp_avg_codes", layout.ElementCount), new("exp_avg_sq_codes", layout.ElementCount),
            new("exp_avg_scales", scales), new("exp_avg_sq_scales", scales),
        ];
    }

    /// <inheritdoc/>
    public override long GrainOf(ParameterSlot slot) => QuantizedPieces.BlockElements;

    /// <inheritdoc/>
    protected override QuantizedPieces Prepare(UnitLayout layout) => QuantizedPieces.Cut(layout, Options);

    /// <inheritdoc/>
    protected override void Update(
        UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers, QuantizedPieces plan) =>
        workers.Sweep(plan.Pieces.Length, 1, new QuantizedSweep(unit, gradient, step, plan, new AdamWRule(Options, step), Path));
}
