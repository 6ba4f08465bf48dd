using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// An optimizer of an <see cref="IElementRule{TSelf}"/>: it runs the rule over a unit with all host threads, in the widest vectors that the
/// processor has, over fp32 masters or exact ones and gradients of either type. AdamW, Lion and SGD here are nothing else. The results are
/// bitwise the same whatever the threads and the width.
/// </summary>
/// <remarks>State: an fp32 buffer for each number of state, as long as the unit, by the names given; checkpoints carry it under these.</remarks>
/// <typeparam name="TRule">The rule.</typeparam>
public abstract class ElementRuleOptimizer<TRule> : HostOptimizer
    where TRule : struct, IElementRule<TRule>
{
    private readonly ConditionalWeakTable<UnitLayout, ParameterPiece[]> _pieces = [];
    private readonly string[] _state;

    /// <summary>Creates the optimizer.</summary>
    /// <param name="name">Used in configuration and checkpoints.</param>
    /// <param name="options">The settings; the defaults where null. Decay and groups are taken from here.</param>
    /// <param name="state">A name for each number of state.</param>
    /// <exception cref="HorizonException">A setting is out of its range.</exception>
    /// <exception cref="ArgumentException">There are other names than numbers of state, two are alike, or the rule wants more than two.</exception>
    protected ElementRuleOptimizer(string name, OptimizerOptions? options, params string[] state)
        : base(options)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(state);
        if (TRule.StateCount is < 0 or > 2) throw new ArgumentException($"a rule keeps 0, 1 or 2 numbers for each element, {typeof(TRule).Name} wants {TRule.StateCount}", nameof(state));
        if (state.Length != TRule.StateCount || state.Distinct(StringComparer.Ordinal).Count() != state.Length)
            throw new ArgumentException($"{typeof(TRule).Name} keeps {TRule.StateCount} numbers for each element; name each once, not [{string.Join(", ", state)}]", nameof(state));
        (Name, _state) = (name, [.. state]);
    }

    /// <inheritdoc/>
    public sealed override string Name { get; }

    /// <inheritdoc/>
    public sealed override IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        return [.. _state.Select(name => new OptimizerBuffer(name, layout.ElementCount * sizeof(float)))];
    }

    /// <inheritdoc/>
    public sealed override bool UpdatesInParts => TRule.StateCount > 0 && TRule.StateIgnoresWeight;

    /// <inheritdoc/>
    public sealed override long GrainOf(ParameterSlot slot) => 1;

    /// <summary>The rule of one step: what depends on the step's number, such as bias corrections, is worked out here.</summary>
    protected abstract TRule RuleOf(OptimizerStep step);

    /// <inheritdoc/>
    protected sealed override void UpdateUnit(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(workers);
        if (!_pieces.TryGetValue(unit.Layout, out var pieces)) pieces = _pieces.GetValue(unit.Layout, layout => ParameterPiece.Cut(layout, Options));
        switch (step.Parts)
        {
            case UpdateParts.Weights: workers.Sweep(pieces.Length, 1, new ElementSweep<TRule, WeightsPart>(unit, gradient, step, pieces, RuleOf(step), Path)); break;
            case UpdateParts.State: workers.Sweep(pieces.Length, 1, new ElementSweep<TRule, StatePart>(unit, gradient, step, pieces, RuleOf(step), Path)); break;
            default: workers.Sweep(pieces.Length, 1, new ElementSweep<TRule, WholeUpdate>(unit, gradient, step, pieces, RuleOf(step), Path)); break;
        }
    }
}
