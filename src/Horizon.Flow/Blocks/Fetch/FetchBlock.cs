using Horizon.Flow.Graph;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>Finds a unit's host memory, once the unit has seen all the updates that the request asks for.</summary>
/// <remarks>
/// <para>Takes: <see cref="LoadRequest"/>, in the order of the program's loads.</para>
/// <para>Gives: <see cref="HostUnit"/>: the store's own buffer, no copy.</para>
/// <para>Waits when: the version of the unit's weights is below the request's.</para>
/// <para>Completes when: told to, after the last request.</para>
/// <para>On fault: a unit that is already past the version is an error: it was updated too early.</para>
/// <para>Owns: nothing.</para>
/// </remarks>
public sealed class FetchBlock : StageBlock<LoadRequest, HostUnit>
{
    /// <summary>Creates the block.</summary>
    /// <param name="stores">The stores that programs name, the trained one first.</param>
    /// <param name="options">Bounds.</param>
    public FetchBlock(IReadOnlyList<ParameterStore> stores, StageOptions options)
        : base(options, async (request, call) =>
        {
            var store = stores[request.Visit.Planned.Store];
            await call.WaitForGraph(store.WaitForVersionAsync(request.Visit.Unit, request.Version, call.Cancellation)).ConfigureAwait(false);
            CheckVersion(store, request);
            return new HostUnit(request.Visit, store.Units[request.Visit.Unit].Weights);
        })
    {
    }

    /// <summary>Refuses a unit that is not at the version asked for. Other sources of weights call it too.</summary>
    public static void CheckVersion(ParameterStore store, LoadRequest request)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(request);
        var version = store.WeightsVersionOf(request.Visit.Unit);
        if (store.IsTrainable(request.Visit.Unit) && version != request.Version)
            throw new InvalidOperationException($"the unit is at version {version} but the step needs version {request.Version}: something updated it out of order");
    }
}
