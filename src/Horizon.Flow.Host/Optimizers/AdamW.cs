namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// AdamW: Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2), as PyTorch's
/// <c>torch.optim.AdamW</c> computes it, in fp32 with the same order of operations. State: <c>exp_avg</c> and
/// <c>exp_avg_sq</c>, fp32, 8 bytes a parameter.
/// </summary>
internal sealed class AdamW(OptimizerOptions options) : ElementRuleOptimizer<AdamWRule>("adamw", options, "exp_avg", "exp_avg_sq")
{
    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> StateSettings => AdamWRule.StateSettings(Options);

    /// <inheritdoc/>
    protected override AdamWRule RuleOf(OptimizerStep step) => new(Options, step);
}
