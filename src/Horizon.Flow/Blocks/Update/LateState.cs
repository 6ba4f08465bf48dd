using Horizon.Flow.Graph;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>
/// Optimizer state that follows its weights. With clipping no update begins before the norm of all gradients is known, and the next forward waits for each: so the weights of all units
/// are updated first, and their state behind them, beside head and backward, from gradients that are kept for it. The bits are those of one sweep.
/// </summary>
/// <remarks>The units that are late are those of <see cref="TrainingPlan.WeightsFirst"/>. The state follows from the last unit to the first: backward asks for their slabs in this order.</remarks>
public sealed class LateState
{
    private readonly ParameterStore _store;
    private readonly IHostOptimizer _optimizer;
    private readonly HostWorkers _workers;
    private readonly HashSet<int> _units;
    private readonly Stack<(HostGradient Gradient, UnitUpdated Updated, OptimizerStep Step)> _late = [];
    private int _seen;

    /// <summary>Creates it, with nothing late.</summary>
    /// <param name="store">The store.</param>
    /// <param name="optimizer">A rule that <see cref="IHostOptimizer.UpdatesInParts"/>.</param>
    /// <param name="workers">Threads for the sweeps.</param>
    /// <param name="units">Whose weights go first; the others are updated in one sweep.</param>
    public LateState(ParameterStore store, IHostOptimizer optimizer, HostWorkers workers, IEnumerable<int> units)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(workers);
        if (!optimizer.UpdatesInParts) throw new ArgumentException($"{optimizer.Name} updates weights and state together", nameof(optimizer));
        (_store, _optimizer, _workers, _units) = (store, optimizer, workers, [.. units]);
    }

    /// <summary>One gradient of a step; with its last one the state follows.</summary>
    /// <returns>The units that are through their whole update.</returns>
    internal async ValueTask<IReadOnlyList<UnitUpdated>> UpdateAsync(HostGradient gradient, UpdateGuard guard, StageCall call)
    {
        var unit = gradient.Visit.Unit;
        await call.WaitForGraph(_store.WaitForStateAsync(unit, call.Cancellation)).ConfigureAwait(false);
        var updated = new List<UnitUpdated>();
        if (_units.Contains(unit)) await UpdateWeightsAsync(gradient, guard, updated).ConfigureAwait(false);
        else if (await guard.RunAsync(gradient, (state, step) => _optimizer.Update(state, gradient.View, step, _workers)).ConfigureAwait(false) is { } whole) updated.Add(whole);
        if (++_seen < gradient.Info.Program.TrainedUnits.Length) return updated;
        _seen = 0;
        CatchUp(updated.Add);
        return updated;
    }

    /// <summary>After a run that was stopped between the two parts: lets the state follow, so that the store stands at one step.</summary>
    internal void Finish()
    {
        CatchUp(_ => { });
        foreach (var unit in _units)
            if (_store.WeightsVersionOf(unit) > _store.VersionOf(unit)) _store.Advance(unit, _store.WeightsVersionOf(unit));
    }

    private async ValueTask UpdateWeightsAsync(HostGradient gradient, UpdateGuard guard, List<UnitUpdated> through)
    {
        var unit = gradient.Visit.Unit;
        OptimizerStep? done = null;
        var updated = await guard.RunWeightsAsync(gradient, (state, step) =>
        {
            _optimizer.Update(state, gradient.View, step, _workers);
            done = step;
        }).ConfigureAwait(false);
        if (done is { } weights)
        {
            _late.Push((gradient, updated, weights));
            _store.AdvanceWeights(unit, _store.WeightsVersionOf(unit) + 1);
            return;
        }

        gradient.Slab.Dispose();
        through.Add(updated);
    }

    private void CatchUp(Action<UnitUpdated> through)
    {
        while (_late.TryPop(out var late))
        {
            var unit = _store.Units[late.Gradient.Visit.Unit];
            using (late.Gradient.Slab)
            {
                try
                {
                    _optimizer.Update(unit.Trained, late.Gradient.View, late.Step with { Parts = UpdateParts.State }, _workers);
                }
                catch
                {
                    _store.MarkDamaged($"the optimizer's state of unit '{late.Gradient.UnitName}' did not follow its weights in step {late.Gradient.Step}");
                    throw;
                }

                unit.Updates++;
            }

            through(late.Updated);
        }
    }
}
