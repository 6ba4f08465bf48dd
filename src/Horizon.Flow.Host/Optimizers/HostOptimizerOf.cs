using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>An update rule with a plan for each layout, made at its first update.</summary>
/// <typeparam name="TPlan">How a layout's work is cut into parts; depends on the layout and the settings alone.</typeparam>
internal abstract class HostOptimizer<TPlan>(OptimizerOptions options) : HostOptimizer(options)
    where TPlan : class
{
    private readonly ConditionalWeakTable<UnitLayout, TPlan> _plans = [];

    /// <summary>Cuts a layout's work into parts.</summary>
    protected abstract TPlan Prepare(UnitLayout layout);

    /// <summary>One step for one unit; the arguments are checked.</summary>
    protected abstract void Update(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers, TPlan plan);

    /// <inheritdoc/>
    protected sealed override void UpdateUnit(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers)
    {
        if (!_plans.TryGetValue(unit.Layout, out var plan)) plan = _plans.GetValue(unit.Layout, Prepare);
        Update(unit, gradient, step, workers, plan);
    }
}
