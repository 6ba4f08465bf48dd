using Horizon.Flow.Graph;

namespace Horizon.Flow.Resources;

/// <summary>A pool that a stage of a training graph declares.</summary>
public interface ITrainingPool : IPoolSpec
{
    /// <summary>How many leases it has in runs of a plan; 0 where the plan needs none, and no pool is made.</summary>
    int CapacityIn(TrainingPlan plan);

    /// <summary>What it takes where: its lines in the memory budget.</summary>
    IEnumerable<MemoryItem> MemoryIn(PoolSizing sizing);

    /// <summary>Makes it for a run.</summary>
    ILeasePool Make(TrainingContext run);
}
