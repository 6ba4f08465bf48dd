using Horizon.Flow.Graph;

namespace Horizon.Flow.Resources;

/// <summary>
/// A pool, declared once by the stages that rent from it (<see cref="StageTraits.Pools"/>): the run makes, reclaims and disposes it, and
/// budget, drawings and validators read the same declaration. <see cref="TrainingContext.Pool{TPool}(PoolSpec{TPool})"/> gives it to the stage.
/// </summary>
/// <typeparam name="TPool">The kind of pool.</typeparam>
/// <param name="Name">Unique within a plan.</param>
/// <param name="Capacity">How many leases it has; 0 where a plan needs none.</param>
/// <param name="Create">Makes it, of the capacity given.</param>
public sealed record PoolSpec<TPool>(string Name, Func<TrainingPlan, int> Capacity, Func<TrainingContext, int, TPool> Create) : ITrainingPool
    where TPool : ILeasePool
{
    /// <summary>What it takes where.</summary>
    /// <value>Nothing worth a line.</value>
    public Func<PoolSizing, IEnumerable<MemoryItem>> Memory { get; init; } = _ => [];

    /// <inheritdoc/>
    public int CapacityIn(TrainingPlan plan) => Capacity(plan);

    /// <inheritdoc/>
    public IEnumerable<MemoryItem> MemoryIn(PoolSizing sizing)
    {
        ArgumentNullException.ThrowIfNull(sizing);
        return Capacity(sizing.Plan) > 0 ? Memory(sizing) : [];
    }

    /// <inheritdoc/>
    public ILeasePool Make(TrainingContext run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return Create(run, Capacity(run.Plan));
    }
}
