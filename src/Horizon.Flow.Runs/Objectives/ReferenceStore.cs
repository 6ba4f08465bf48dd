using Horizon.Flow.Alignment;
using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Runs.Blueprint;

namespace Horizon.Flow.Runs.Objectives;

/// <summary>The untouched model's weights beside those that are trained, of which each of several ranks has its slices.</summary>
internal sealed class ReferenceStore : IDisposable
{
    private readonly TrainingPlan _plan;

    /// <summary>Allocates.</summary>
    public ReferenceStore(RunBlueprint blueprint)
    {
        var plan = HeldReference.Plan(blueprint.Model);
        _plan = blueprint.Ranks is { } ranks ? plan.Distribute(ranks) : plan;
        Slices = blueprint.Ranks is { } sides ? new UnitSlices(_plan, sides) : null;
        Store = _plan.CreateStore(blueprint.Precision);
    }

    /// <summary>The weights; to be filled once.</summary>
    public ParameterStore Store { get; }

    /// <summary>What of each unit the store has; null where it has all.</summary>
    public UnitSlices? Slices { get; }

    /// <summary>Streams the store.</summary>
    public HeldReference Start(IComputeDevice device) => HeldReference.Start(_plan, Store, device);

    /// <inheritdoc/>
    public void Dispose() => Store.Dispose();
}
