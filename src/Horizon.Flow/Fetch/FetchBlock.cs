using Horizon.Flow.Graph;
using Horizon.Flow.Host;

namespace Horizon.Flow;

/// <summary>Finds a unit's host memory, once the unit has seen all the steps that the request asks for.</summary>
/// <remarks>
/// <para>Takes: <see cref="UnitRequest"/>, in the order of computation.</para>
/// <para>Gives: <see cref="HostUnit"/>: the store's own buffer, no copy.</para>
/// <para>Waits when: the unit's version is below the request's.</para>
/// <para>Completes when: told to, after the last request.</para>
/// <para>On fault: a unit that is already past the version is an error: it was updated too early.</para>
/// <para>Owns: nothing.</para>
/// </remarks>
public sealed class FetchBlock : StageBlock<UnitRequest, HostUnit>
{
    /// <summary>Creates the block.</summary>
    public FetchBlock(ParameterStore store, StageOptions options)
        : base(options, async (request, call) =>
        {
            var visit = request.Visit;
            if (!visit.NeedsWeights) return new HostUnit(visit, null);
            await call.WaitForGraph(store.WaitForVersionAsync(visit.Unit, request.Version, call.Cancellation)).ConfigureAwait(false);
            CheckVersion(store, request);
            return new HostUnit(visit, store.Units[visit.Unit].Weights);
        })
    {
    }

    /// <summary>Refuses a unit that is not at the version asked for. Other sources of weights call it too.</summary>
    public static void CheckVersion(ParameterStore store, UnitRequest request)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(request);
        var version = store.VersionOf(request.Visit.Unit);
        if (store.IsTrainable(request.Visit.Unit) && version != request.Version)
            throw new InvalidOperationException($"the unit is at version {version} but the step needs version {request.Version}: something updated it out of order");
    }
}
