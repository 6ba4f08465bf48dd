using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Distributed;

/// <summary>
/// A folder of checkpoints that all ranks write together, side by side, each its own slices: whole or not there as one. Any number of ranks reads what any other
/// wrote. Every rank has the same folder, on a disk that they share.
/// </summary>
/// <param name="folder">The folder.</param>
/// <param name="plan">The rank's plan.</param>
/// <param name="store">The rank's store.</param>
/// <param name="collectives">This rank's side.</param>
public sealed class RankCheckpoints(TrainingCheckpoints folder, TrainingPlan plan, ParameterStore store, ICollectives collectives) : ICheckpointTarget
{
    private readonly UnitSlices _slices = new(plan, collectives);
    private readonly IReadOnlyList<int> _anyOrder = [.. Enumerable.Range(0, collectives.Count)];

    /// <inheritdoc/>
    public ICheckpointDraft Begin(long step, long byteLength)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ICheckpointSliceDraft? own = null;
        HorizonException? refused = null;
        try
        {
            own = folder.BeginSlice(step, byteLength, unit => PlaceOf(OrderOf(unit)), collectives.Count);
        }
        catch (HorizonException error)
        {
            // The others have begun theirs, and hear of it where they would commit.
            refused = error;
        }

        return new RankCheckpointDraft(own, refused, folder.PathOf(step), RankStores.Contents(plan, store, collectives).Whole, OrderOf, collectives);
    }

    private IReadOnlyList<int> OrderOf(int unit) => _slices.CutOf(plan.Model.Units[unit]).Gradient?.Order ?? _anyOrder;

    private int PlaceOf(IReadOnlyList<int> order) => order.ToList().IndexOf(collectives.Rank);

    /// <inheritdoc/>
    public void Prune(long step)
    {
        if (collectives.Rank == 0) folder.Prune(step);
    }
}
