using Horizon.Flow.Graph;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>One step of <see cref="Muon"/> for one unit: matrices are made orthogonal on the device, everything else is done on the host.</summary>
/// <remarks>
/// <para>Takes: <see cref="HostGradient"/> with its verdict. Gives: <see cref="UnitUpdated"/>.</para>
/// <para>Waits when: the compute lane has other work, or another sweep has the host threads.</para>
/// <para>Completes when: told to, after the last gradient.</para>
/// <para>On fault: the unit may be half written; the store is marked as damaged.</para>
/// <para>Owns: the slab, given back after the update.</para>
/// </remarks>
public sealed class MuonUpdateBlock : StageBlock<HostGradient, UnitUpdated>
{
    /// <summary>Creates the block.</summary>
    /// <exception cref="HorizonException">The store was made for another update rule.</exception>
    public MuonUpdateBlock(ParameterStore store, Muon optimizer, HostWorkers workers, LeasePool<MuonWorkspace> workspaces, StageOptions options, UpdateGuard? guard = null)
        : this(optimizer, workers, workspaces, options, guard ?? new UpdateGuard(store))
    {
        ArgumentNullException.ThrowIfNull(store);
        store.Require(optimizer);
    }

    private MuonUpdateBlock(Muon optimizer, HostWorkers workers, LeasePool<MuonWorkspace> workspaces, StageOptions options, UpdateGuard guard)
        : base(options, async (gradient, call) =>
        {
            using var workspace = await call.WaitFor(workspaces.RentAsync(call.Cancellation)).ConfigureAwait(false);
            // Once begun a unit is finished: a stop must not leave it half written.
            return await guard.RunAsync(gradient, (unit, step) => optimizer.UpdateAsync(
                unit, gradient.View, step, workers, workspace.Value.OnHost,
                slot => workspace.Value.OrthogonalizeAsync(slot, CancellationToken.None))).ConfigureAwait(false);
        })
    {
    }
}
