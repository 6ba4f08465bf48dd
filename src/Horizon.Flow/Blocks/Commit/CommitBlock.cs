using Horizon.Flow.Graph;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>The unit is at its new version, and whoever waits for it may fetch it.</summary>
/// <remarks>
/// <para>Takes and gives: <see cref="UnitUpdated"/>; raises the store's version of the unit.</para>
/// <para>Waits when: never. Completes when: told to, after the last unit. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class CommitBlock(ParameterStore store, StageOptions options) : StageBlock<UnitUpdated, UnitUpdated>(options, updated =>
{
    store.Advance(updated.Visit.Unit, store.VersionOf(updated.Visit.Unit) + 1);
    return updated;
});
