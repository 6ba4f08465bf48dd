using System.Runtime.CompilerServices;

namespace Horizon.Flow.Host;

/// <summary>What the update rules share: checked arguments, and each layout cut into pieces once.</summary>
internal abstract class HostOptimizer(OptimizerOptions options) : IHostOptimizer
{
    private readonly ConditionalWeakTable<UnitLayout, ParameterPiece[]> _pieces = [];

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <summary>The instructions to use; tests force others than the best.</summary>
    internal VectorPath Path { get; init; } = VectorPaths.Best;

    /// <summary>The settings.</summary>
    protected OptimizerOptions Options { get; } = options;

    /// <inheritdoc/>
    public abstract IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout);

    /// <inheritdoc/>
    public void Update(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(workers);
        ArgumentOutOfRangeException.ThrowIfLessThan(step.Number, 1, nameof(step));
        if (gradient.Count != unit.Layout.ElementCount)
            throw new ArgumentException($"{unit.Layout.Name} has {unit.Layout.ElementCount} parameters, its gradient {gradient.Count}", nameof(gradient));
        if (gradient.Type is not (ElementType.Float32 or ElementType.BFloat16))
            throw new ArgumentException($"a gradient is Float32 or BFloat16, not {gradient.Type}", nameof(gradient));
        if (gradient.Count == 0) return;
        if (!_pieces.TryGetValue(unit.Layout, out var pieces)) pieces = _pieces.GetValue(unit.Layout, Prepare);
        Update(unit, gradient, step, workers, pieces);
    }

    /// <summary>One step for one unit; the arguments are checked.</summary>
    protected abstract void Update(
        UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers, ParameterPiece[] pieces);

    /// <summary>Runs a rule that treats each element alone.</summary>
    protected void Sweep<TRule>(
        UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers, ParameterPiece[] pieces, TRule rule)
        where TRule : struct, IElementRule<TRule> =>
        workers.Sweep(pieces.Length, 1, new ElementSweep<TRule>(unit, gradient, step.GradientScale, pieces, rule, Path));

    private ParameterPiece[] Prepare(UnitLayout layout) => ParameterPiece.Cut(layout, Options);
}
