using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// Stochastic gradient descent in the form of PyTorch's <c>torch.optim.SGD</c>: the decay is part of the gradient. No state. With momentum
/// it is <see cref="MomentumSgd"/>.
/// </summary>
internal sealed class Sgd(OptimizerOptions options) : ElementRuleOptimizer<SgdRule>(RuleName, options)
{
    /// <summary>The name of both, since a momentum of 0 is only another setting.</summary>
    public const string RuleName = "sgd";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> StateSettings => MomentumRule.StateSettings(Options);

    /// <summary>The rule for these settings.</summary>
    public static HostOptimizer Create(OptimizerOptions options, VectorPath path) =>
        options.Momentum > 0 ? new MomentumSgd(options) { Path = path } : new Sgd(options) { Path = path };

    /// <inheritdoc/>
    protected override SgdRule RuleOf(OptimizerStep step) => default;
}
