using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>
/// What is the same around every update rule: a step that is skipped touches nothing, each unit is updated once a step, its own updates are counted,
/// a failed update damages the store, and the slab goes back. A stage of your own calls it around its rule.
/// </summary>
public sealed class UpdateGuard
{
    private readonly ParameterStore _store;
    private readonly HostWorkers? _workers;
    private readonly long[] _steps;
    private string? _spoiled;
    private long _spoiledStep;

    /// <summary>Guards the updates of a store.</summary>
    /// <param name="store">The store.</param>
    /// <param name="workers">Looks at every gradient once more, where a stage behind clip may have changed it; null to believe the verdict.</param>
    public UpdateGuard(ParameterStore store, HostWorkers? workers = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        (_store, _workers) = (store, workers);
        _steps = [.. store.Units.Select(_ => store.Step)];
    }

    /// <summary>One update.</summary>
    /// <param name="gradient">With its verdict; its slab is given back.</param>
    /// <param name="update">Updates the unit in place.</param>
    public async ValueTask<UnitUpdated?> RunAsync(HostGradient gradient, Func<UnitState, OptimizerStep, ValueTask> update)
    {
        ArgumentNullException.ThrowIfNull(gradient);
        ArgumentNullException.ThrowIfNull(update);
        using (gradient.Slab)
        {
            var updated = Begin(gradient);
            if (updated.Verdict.SkipReason is not null) return updated;
            await UpdateAsync(gradient, updated.Verdict, update).ConfigureAwait(false);
            _store.Units[gradient.Visit.Unit].Updates++;
            return updated;
        }
    }

    /// <summary>The same for a rule that does not wait.</summary>
    public ValueTask<UnitUpdated?> RunAsync(HostGradient gradient, Action<UnitState, OptimizerStep> update)
    {
        ArgumentNullException.ThrowIfNull(update);
        return RunAsync(gradient, (unit, step) =>
        {
            update(unit, step);
            return ValueTask.CompletedTask;
        });
    }

    /// <summary>The first part of an update: the weights. The slab stays with the caller, and <see cref="UnitState.Updates"/> as it was, until the state has followed.</summary>
    internal async ValueTask<UnitUpdated> RunWeightsAsync(HostGradient gradient, Action<UnitState, OptimizerStep> update)
    {
        var updated = Begin(gradient);
        if (updated.Verdict.SkipReason is not null) return updated;
        await UpdateAsync(gradient, updated.Verdict, (unit, step) =>
        {
            update(unit, step with { Parts = UpdateParts.Weights });
            return ValueTask.CompletedTask;
        }).ConfigureAwait(false);
        return updated;
    }

    private UnitUpdated Begin(HostGradient gradient)
    {
        var unit = gradient.Visit.Unit;
        if (gradient.Step <= _steps[unit]) throw new InvalidOperationException($"the unit was updated in step {_steps[unit]} already: its gradient of step {gradient.Step} came twice");
        _steps[unit] = gradient.Step;
        return Checked(gradient).Updated();
    }

    private HostGradient Checked(HostGradient gradient)
    {
        if (_workers is null || gradient.Verdict is not { } verdict) return gradient;
        if (_spoiledStep != gradient.Step) (_spoiled, _spoiledStep) = (null, gradient.Step);
        if (verdict.SkipReason is null && !double.IsFinite(GradientSweeps.SumOfSquares(gradient.View, _workers).Value))
            _spoiled ??= $"the gradient of unit '{gradient.UnitName}' is not finite behind clip; units that came before it were updated";
        return _spoiled is null ? gradient : gradient.WithVerdict(verdict with { SkipReason = verdict.SkipReason ?? _spoiled });
    }

    private async ValueTask UpdateAsync(HostGradient gradient, StepVerdict verdict, Func<UnitState, OptimizerStep, ValueTask> update)
    {
        var unit = _store.Units[gradient.Visit.Unit];
        _store.Touch(gradient.Visit.Unit);
        try
        {
            await update(unit.Trained, new OptimizerStep(unit.Updates + 1, gradient.Info.LearningRate, verdict.Scale)).ConfigureAwait(false);
        }
        catch
        {
            _store.MarkDamaged($"the update of unit '{gradient.UnitName}' failed half way in step {gradient.Step}");
            throw;
        }
    }
}
