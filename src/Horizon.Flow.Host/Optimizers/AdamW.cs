namespace Horizon.Flow.Host;

/// <summary>
/// AdamW: Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2), as PyTorch's
/// <c>torch.optim.AdamW</c> computes it, in fp32 with the same order of operations. State: <c>exp_avg</c> and
/// <c>exp_avg_sq</c>, fp32, 8 bytes a parameter.
/// </summary>
internal sealed class AdamW(OptimizerOptions options) : ElementOptimizer(options)
{
    /// <inheritdoc/>
    public override string Name => "adamw";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> StateSettings => AdamWRule.StateSettings(Options);

    /// <inheritdoc/>
    public override IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout) =>
        [new("exp_avg", layout.ElementCount * sizeof(float)), new("exp_avg_sq", layout.ElementCount * sizeof(float))];

    /// <inheritdoc/>
    protected override void Update(
        UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers, ParameterPiece[] pieces) =>
        Sweep(unit, gradient, step, workers, pieces, new AdamWRule(Options, step));
}
