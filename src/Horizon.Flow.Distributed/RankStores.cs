using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;

namespace Horizon.Flow.Distributed;

/// <summary>What a rank's store, which has slices, is to files of whole units.</summary>
public static class RankStores
{
    /// <summary>How a model folder is read into the rank's slices.</summary>
    /// <param name="model">The model, one of the plan's.</param>
    /// <param name="slices">The rank's.</param>
    public static LoadOptions LoadOptions(ModelDefinition model, UnitSlices slices)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(slices);
        return new() { Wholes = [.. model.Units.Select(unit => (unit, slices.PiecesOf(unit)))] };
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
        var slices = new UnitSlices(plan, collectives);
        return (whole, new CheckpointCut(CheckpointContents.Of(architecture, store, optimizer), PlaceOf));

        (long, IReadOnlyList<IReadOnlyList<OptimizerBuffer>>) PlaceOf(int unit)
        {
            var cut = slices.CutOf(plan.Model.Units[unit]);
            return cut.Gradient is not { } gradient ? (0, [])
                : (gradient.Firsts[collectives.Rank], [.. gradient.Order.TakeWhile(rank => rank != collectives.Rank).Select(rank => optimizer.DescribeState(cut.SliceOf(rank).Trained))]);
        }
    }
}
