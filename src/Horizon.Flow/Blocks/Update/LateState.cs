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
/// <remarks>
/// The units that are late are those of <see cref="TrainingPlan.WeightsFirst"/>. Their state follows in the order in which backward gives gradients and needs their slabs, on half of the
/// threads: it must be done in time, not soon, and what launches kernels and sums gradients beside it needs cores too.
/// </remarks>
public sealed class LateState : IDisposable
{
    private readonly ParameterStore _store;
    private readonly IHostOptimizer _optimizer;
    private readonly HostWorkers _workers;
    private readonly HostWorkers _behind;
    private readonly HashSet<int> _units;
    private readonly Dictionary<int, (HostGradient Gradient, UnitUpdated Updated, OptimizerStep Step)> _late = [];
    private int _seen;
    private bool _isBroken;

    /// <summary>Creates it, with nothing late.</summary>
    /// <param name="store">The store.</param>
    /// <param name="optimizer">A rule that <see cref="IHostOptimizer.UpdatesInParts"/>.</param>
    /// <param name="workers">Threads for the sweeps over weights; half as many are added for the state.</param>
    /// <param name="units">Whose weights go first; the others are updated in one sweep.</param>
    public LateState(ParameterStore store, IHostOptimizer optimizer, HostWorkers workers, IEnumerable<int> units)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(workers);
        if (!optimizer.UpdatesInParts) throw new ArgumentException($"{optimizer.Name} updates weights and state together", nameof(optimizer));
        (_store, _optimizer, _workers, _units) = (store, optimizer, workers, [.. units]);
        _behind = new HostWorkers(Math.Max(1, workers.Threads / 2));
    }

    /// <inheritdoc/>
    public void Dispose() => _behind.Dispose();

    /// <summary>One gradient of a step; with its last one the state follows.</summary>
    /// <returns>The units that are through their whole update.</returns>
    internal async ValueTask<IReadOnlyList<UnitUpdated>> UpdateAsync(HostGradient gradient, UpdateGuard guard, StageCall call)
    {
        var unit = gradient.Visit.Unit;
        await call.WaitForGraph(_store.WaitForStateAsync(unit, call.Cancellation)).ConfigureAwait(false);
        var updated = new List<UnitUpdated>();
        if (_units.Contains(unit)) await UpdateWeightsAsync(gradient, guard, updated).ConfigureAwait(false);
        else await UpdateWholeAsync(gradient, guard, updated).ConfigureAwait(false);
        if (++_seen < gradient.Info.Program.TrainedUnits.Length) return updated;
        _seen = 0;
        CatchUp(updated.Add);
        return updated;
    }

    /// <summary>After a run that was stopped between the two parts: lets the state follow, so that the store stands at one step.</summary>
    /// <remarks>Where the state of a unit fails to follow, the store says so; this does not throw.</remarks>
    internal void Finish()
    {
        try
        {
            CatchUp(_ => { });
        }
        catch (Exception) when (_isBroken)
        {
        }

        if (_isBroken) return;
        for (var unit = 0; unit < _store.Units.Count; unit++)
            if (_store.WeightsVersionOf(unit) > _store.VersionOf(unit)) _store.Advance(unit, _store.WeightsVersionOf(unit));
    }

    private async ValueTask UpdateWholeAsync(HostGradient gradient, UpdateGuard guard, List<UnitUpdated> through)
    {
        var unit = gradient.Visit.Unit;
        if (await guard.RunAsync(gradient, (state, step) => _optimizer.Update(state, gradient.View, step, _workers)).ConfigureAwait(false) is not { } updated) return;
        through.Add(updated);
        // The last message of a step leaves this stage behind the state of all others; its weights need not wait for it.
        if (updated.Verdict.SkipReason is null) _store.AdvanceWeights(unit, _store.WeightsVersionOf(unit) + 1);
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
            _late.Add(unit, (gradient, updated, weights));
            _store.AdvanceWeights(unit, _store.WeightsVersionOf(unit) + 1);
            return;
        }

        gradient.Slab.Dispose();
        through.Add(updated);
    }

    private void CatchUp(Action<UnitUpdated> through)
    {
        if (_late.Count == 0 || _isBroken) return;
        var order = _late.Values.First().Gradient.Info.Program.Visits.Where(visit => visit.GivesGradient).Select(visit => visit.Unit).Distinct();
        foreach (var index in order)
        {
            if (!_late.Remove(index, out var late)) continue;
            var unit = _store.Units[index];
            using (late.Gradient.Slab)
            {
                try
                {
                    _optimizer.Update(unit.Trained, late.Gradient.View, late.Step with { Parts = UpdateParts.State }, _behind);
                }
                catch
                {
                    _isBroken = true;
                    _store.MarkDamaged($"the optimizer's state of unit '{late.Gradient.UnitName}' did not follow its weights in step {late.Gradient.Step}");
                    throw;
                }

                unit.Updates++;
            }

            through(late.Updated);
        }
    }
}
