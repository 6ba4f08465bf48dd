using Horizon.Flow.Graph;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>
/// One optimizer step for one unit, in host memory, as soon as its gradient comes; with a <see cref="LateState"/> its weights first. Of units that wait, that one which the next forward reads
/// first: where updates are slower than backward, what is left of them is done beside the next forward and not before it.
/// </summary>
/// <remarks>
/// <para>Takes: <see cref="HostGradient"/> with its verdict. Gives: <see cref="UnitUpdated"/>.</para>
/// <para>Waits when: another sweep has the host threads.</para>
/// <para>Completes when: told to, after the last gradient.</para>
/// <para>On fault: the unit may be half written; the store is marked as damaged.</para>
/// <para>Owns: the slab, given back after the update; with a <see cref="LateState"/> those of a step, until the state has followed.</para>
/// </remarks>
public sealed class UpdateBlock : StageBlock<HostGradient, UnitUpdated>
{
    private static readonly IComparer<HostGradient> _asForwardReads =
        Comparer<HostGradient>.Create((one, other) => (one.Step, one.Visit.Unit).CompareTo((other.Step, other.Visit.Unit)));

    /// <summary>Creates the block.</summary>
    /// <param name="store">The store.</param>
    /// <param name="optimizer">The rule.</param>
    /// <param name="workers">Threads for the sweeps.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="guard">What surrounds each update; one that believes the verdicts by default.</param>
    /// <param name="late">Keeps what the state still needs where weights go first; null where both are updated in one sweep.</param>
    /// <exception cref="HorizonException">The store was made for another update rule.</exception>
    public UpdateBlock(ParameterStore store, IHostOptimizer optimizer, HostWorkers workers, StageOptions options, UpdateGuard? guard = null, LateState? late = null)
        : this(optimizer, workers, options, guard ?? new UpdateGuard(store), late)
    {
        ArgumentNullException.ThrowIfNull(store);
        store.Require(optimizer);
    }

    private UpdateBlock(IHostOptimizer optimizer, HostWorkers workers, StageOptions options, UpdateGuard guard, LateState? late)
        : base(options, async (gradient, call) =>
        {
            if (late is not null) return await late.UpdateAsync(gradient, guard, call).ConfigureAwait(false);
            return await guard.RunAsync(gradient, (unit, step) => optimizer.Update(unit, gradient.View, step, workers)).ConfigureAwait(false) is { } updated ? [updated] : [];
        }, _asForwardReads)
    {
    }
}
