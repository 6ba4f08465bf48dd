namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// Stochastic gradient descent with momentum in the form of PyTorch's <c>torch.optim.SGD</c> (without dampening): the decay is
/// part of the gradient, and the momentum (Sutskever et al., ICML 2013, section 2) does not contain the learning rate. State:
/// <c>momentum_buffer</c>, fp32, 4 bytes a parameter.
/// </summary>
internal sealed class MomentumSgd(OptimizerOptions options) : ElementRuleOptimizer<MomentumRule>(Sgd.RuleName, options, "momentum_buffer")
{
    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> StateSettings => MomentumRule.StateSettings(Options);

    /// <inheritdoc/>
    protected override MomentumRule RuleOf(OptimizerStep step) => new(Options);
}
