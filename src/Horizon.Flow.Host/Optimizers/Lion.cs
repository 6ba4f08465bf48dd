namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// Lion (Chen et al., arXiv 2302.06675, algorithm 2): steps of equal size in the direction of the momentum's sign, with decoupled
/// decay. State: <c>exp_avg</c>, fp32, 4 bytes a parameter. Its learning rate should be 3 to 10 times smaller than AdamW's, and
/// its decay as much larger (section 5).
/// </summary>
internal sealed class Lion(OptimizerOptions options) : ElementRuleOptimizer<LionRule>("lion", options, "exp_avg")
{
    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> StateSettings => LionRule.StateSettings(Options);

    /// <inheritdoc/>
    protected override LionRule RuleOf(OptimizerStep step) => new(Options);
}
