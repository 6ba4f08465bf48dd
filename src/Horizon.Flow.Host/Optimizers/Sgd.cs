namespace Horizon.Flow.Host;

/// <summary>
/// Stochastic gradient descent with momentum in the form of PyTorch's <c>torch.optim.SGD</c> (without dampening): the decay is
/// part of the gradient, and the momentum (Sutskever et al., ICML 2013, section 2) does not contain the learning rate. State:
/// <c>momentum_buffer</c>, fp32, 4 bytes a parameter; none without momentum.
/// </summary>
internal sealed class Sgd(OptimizerOptions options) : ElementOptimizer(options)
{
    /// <inheritdoc/>
    public override string Name => "sgd";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> StateSettings => MomentumRule.StateSettings(Options);

    /// <inheritdoc/>
    public override IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout) =>
        Options.Momentum > 0 ? [new("momentum_buffer", layout.ElementCount * sizeof(float))] : [];

    /// <inheritdoc/>
    protected override void Update(
        UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers, ParameterPiece[] pieces)
    {
        if (Options.Momentum > 0) Sweep(unit, gradient, step, workers, pieces, new MomentumRule(Options, step));
        else Sweep(unit, gradient, step, workers, pieces, new SgdRule(step));
    }
}
