namespace Horizon.Flow.Host;

/// <summary>An optimizer whose rule treats each element alone.</summary>
internal abstract class ElementOptimizer(OptimizerOptions options) : HostOptimizer<ParameterPiece[]>(options)
{
    /// <inheritdoc/>
    protected override ParameterPiece[] Prepare(UnitLayout layout) => ParameterPiece.Cut(layout, Options);

    /// <summary>Runs the rule over the unit.</summary>
    protected void Sweep<TRule>(
        UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers, ParameterPiece[] pieces, TRule rule)
        where TRule : struct, IElementRule<TRule> =>
        workers.Sweep(pieces.Length, 1, new ElementSweep<TRule>(unit, gradient, step.GradientScale, pieces, rule, Path));
}
