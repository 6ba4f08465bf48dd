namespace Horizon.Flow.Host;

/// <summary>
/// Lion (Chen et al., arXiv 2302.06675, algorithm 2): steps of equal size in the direction of the momentum's sign, with decoupled
/// decay. State: <c>exp_avg</c>, fp32, 4 bytes a parameter. Its learning rate should be 3 to 10 times smaller than AdamW's, and
/// its decay as much larger (section 5).
/// </summary>
internal sealed class Lion(OptimizerOptions options) : ElementOptimizer(options)
{
    /// <inheritdoc/>
    public override string Name => "lion";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> StateSettings => LionRule.StateSettings(Options);

    /// <inheritdoc/>
    public override IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout) =>
        [new("exp_avg", layout.ElementCount * sizeof(float))];

    /// <inheritdoc/>
    protected override void Update(
        UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers, ParameterPiece[] pieces) =>
        Sweep(unit, gradient, step, workers, pieces, new LionRule(Options, step));
}
