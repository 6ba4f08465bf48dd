using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;

namespace Horizon.Flow.Distributed;

/// <summary>What a rank's store, which has slices, is to files of whole units.</summary>
public static class RankStores
{
    /// <summary>How a model folder is read into the rank's slices.</summary>
    public static LoadOptions LoadOptions(ModelDefinition model, ICollectives collectives)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(collectives);
        var slices = new UnitSlices(collectives.Rank, collectives.Count);
        return new() { Wholes = [.. model.Units.Select(unit => (unit, slices.FirstOf(unit)))] };
    }

    /// <summary>What a checkpoint of whole units holds of the rank's store.</summary>
    /// <param name="plan">The rank's plan.</param>
    /// <param name="store">Its store.</param>
    /// <param name="collectives">This rank's side.</param>
    public static (CheckpointContents Whole, CheckpointCut Cut) Contents(TrainingPlan plan, ParameterStore store, ICollectives collectives)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(collectives);
        var (architecture, optimizer) = (plan.Model.Architecture, plan.Options.Optimizer);
        var whole = CheckpointContents.OfWhole(architecture, store, optimizer, plan.Model.Units);
        return (whole, new CheckpointCut(CheckpointContents.Of(architecture, store, optimizer), StartsOf));

        // What the ranks before have of it.
        IReadOnlyList<long> StartsOf(int unit)
        {
            var layout = plan.Model.Units[unit];
            var first = new UnitSlices(collectives.Rank, collectives.Count).FirstOf(layout);
            var starts = new List<long> { first * (store.Precision == StorePrecision.Fp32 ? sizeof(float) : sizeof(ushort)) };
            if (store.Precision == StorePrecision.Bf16) starts.Add(first * sizeof(short));
            var before = Enumerable.Range(0, collectives.Rank).Select(rank => optimizer.DescribeState(new UnitSlices(rank, collectives.Count).Of(layout))).ToList();
            for (var i = 0; i < optimizer.DescribeState(layout).Count; i++) starts.Add(before.Sum(state => state[i].ByteLength));
            return starts;
        }
    }
}
