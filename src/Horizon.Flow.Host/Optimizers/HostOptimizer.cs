using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>What update rules share: settings, and arguments that are checked before a unit is touched.</summary>
public abstract class HostOptimizer : IHostOptimizer
{
    private readonly ConditionalWeakTable<UnitLayout, OptimizerBuffer[]> _state = [];

    /// <summary>Creates the rule.</summary>
    /// <param name="options">The settings; the defaults where null.</param>
    /// <exception cref="HorizonException">A setting is out of its range.</exception>
    protected HostOptimizer(OptimizerOptions? options)
    {
        Options = options ?? new();
        Options.Validate();
    }

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public virtual IReadOnlyDictionary<string, string> StateSettings => ImmutableDictionary<string, string>.Empty;

    /// <summary>The instructions to use; tests force others than the best.</summary>
    internal VectorPath Path { get; init; } = VectorPaths.Best;

    /// <summary>The settings.</summary>
    protected OptimizerOptions Options { get; }

    /// <inheritdoc/>
    public abstract IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout);

    /// <inheritdoc/>
    public virtual long GrainOf(ParameterSlot slot)
    {
        ArgumentNullException.ThrowIfNull(slot);
        return slot.Count;
    }

    /// <inheritdoc/>
    public virtual bool UpdatesInParts => false;

    /// <inheritdoc/>
    public void Update(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(workers);
        ArgumentOutOfRangeException.ThrowIfLessThan(step.Number, 1, nameof(step));
        if (unit.Layout.FixedElements > 0)
            throw new ArgumentException($"{unit.Layout.Name} begins with {unit.Layout.FixedElements} fixed parameters; give {nameof(UnitState.Trained)}, what is trained of it", nameof(unit));
        if (gradient.Count != unit.Layout.ElementCount)
            throw new ArgumentException($"{unit.Layout.Name} has {unit.Layout.ElementCount} parameters, its gradient {gradient.Count}", nameof(gradient));
        if (gradient.Type is not (ElementType.Float32 or ElementType.BFloat16))
            throw new ArgumentException($"a gradient is Float32 or BFloat16, not {gradient.Type}", nameof(gradient));
        if (step.Parts != UpdateParts.All && !UpdatesInParts)
            throw new ArgumentException($"{Name} updates weights and state together, not {step.Parts} alone", nameof(step));
        if (gradient.Count == 0) return;
        if (!_state.TryGetValue(unit.Layout, out var needed)) needed = _state.GetValue(unit.Layout, layout => [.. DescribeState(layout)]);
        CheckState(unit, needed);
        UpdateUnit(unit, gradient, step, workers);
    }

    /// <summary>One step for one unit, in place; the arguments are checked.</summary>
    protected abstract void UpdateUnit(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers);

    private void CheckState(UnitState unit, OptimizerBuffer[] needed)
    {
        var fits = needed.Length == unit.OptimizerState.Count;
        for (var i = 0; fits && i < needed.Length; i++) fits = needed[i].ByteLength == unit.OptimizerState[i].ByteLength;
        if (!fits)
            throw new ArgumentException($"{unit.Layout.Name} was made without the state of {Name}: {string.Join(", ", needed.AsEnumerable())}", nameof(unit));
    }
}
