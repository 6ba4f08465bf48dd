using System.Runtime.CompilerServices;

namespace Horizon.Flow.Host;

/// <summary>What the update rules share: checked arguments, and a plan for each layout, made at its first update.</summary>
/// <typeparam name="TPlan">How a layout's work is cut into parts; depends on the layout and the settings alone.</typeparam>
internal abstract class HostOptimizer<TPlan>(OptimizerOptions options) : IHostOptimizer
    where TPlan : class
{
    private readonly ConditionalWeakTable<UnitLayout, Prepared> _plans = [];

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public virtual IReadOnlyDictionary<string, string> StateSettings => System.Collections.Immutable.ImmutableDictionary<string, string>.Empty;

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
        if (!_plans.TryGetValue(unit.Layout, out var prepared)) prepared = _plans.GetValue(unit.Layout, PrepareAll);
        CheckState(unit, prepared.State);
        Update(unit, gradient, step, workers, prepared.Plan);
    }

    /// <summary>Cuts a layout's work into parts.</summary>
    protected abstract TPlan Prepare(UnitLayout layout);

    /// <summary>One step for one unit; the arguments are checked.</summary>
    protected abstract void Update(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers, TPlan plan);

    private Prepared PrepareAll(UnitLayout layout) => new(Prepare(layout), [.. DescribeState(layout)]);

    private void CheckState(UnitState unit, OptimizerBuffer[] needed)
    {
        var fits = needed.Length == unit.OptimizerState.Count;
        for (var i = 0; fits && i < needed.Length; i++) fits = needed[i].ByteLength == unit.OptimizerState[i].ByteLength;
        if (!fits)
            throw new ArgumentException($"{unit.Layout.Name} was made without the state of {Name}: {string.Join(", ", needed.AsEnumerable())}", nameof(unit));
    }

    private sealed record Prepared(TPlan Plan, OptimizerBuffer[] State);
}
