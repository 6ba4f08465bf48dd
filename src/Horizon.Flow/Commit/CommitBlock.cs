using Horizon.Flow.Graph;
using Horizon.Flow.Host;

namespace Horizon.Flow;

/// <summary>The end of the line: the unit is at its new version, and whoever waits for it may fetch it.</summary>
/// <remarks>
/// <para>Takes: <see cref="UnitUpdated"/>. Gives: nothing; raises the store's version of the unit.</para>
/// <para>Waits when: never. Completes when: told to, after the last unit. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class CommitBlock : StageSink<UnitUpdated>
{
    /// <summary>Creates the block.</summary>
    /// <param name="store">The store.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="onCommitted">Is told of each unit, after its version rose.</param>
    public CommitBlock(ParameterStore store, StageOptions options, Action<UnitVisit>? onCommitted = null)
        : base(options, (updated, _) =>
        {
            store.Advance(updated.Visit.Unit, updated.Visit.Step.VersionOf(updated.Visit.Unit) + 1);
            onCommitted?.Invoke(updated.Visit);
            return ValueTask.CompletedTask;
        })
    {
    }
}
