using Horizon.Flow.Blocks;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Distributed;

/// <summary>A plan on several ranks.</summary>
public static class RankVerbs
{
    private const string SumSquares = "sum squares";

    /// <summary>
    /// The plan of one rank of several, which train one model together: its store holds a slice of every unit, of weights, differences and optimizer state; a slice goes up and is made whole on
    /// the devices; gradients are summed on the devices, and a slice comes down and is updated. Every rank runs the same plan with micro-batches of its own, as many as the
    /// others; losses, norms and skips are those of the whole step. N ranks with a micro-batch each do what one does with N micro-batches.
    /// </summary>
    /// <param name="plan">With everything else wired: this verb comes last.</param>
    /// <param name="collectives">This rank's side. Belongs to the caller, and is disposed after the run.</param>
    /// <param name="prefetch">How many loads ahead of its first reader a unit is made whole.</param>
    /// <exception cref="HorizonException">The plan reduces gradients or units by itself.</exception>
    public static TrainingPlan Distribute(this TrainingPlan plan, ICollectives collectives, int prefetch = 1)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(collectives);
        ArgumentOutOfRangeException.ThrowIfNegative(prefetch);
        SliceRules.Require(plan);
        var slices = new UnitSlices(plan, collectives);
        var pools = new RankPools(slices, collectives.Count, prefetch);
        var host = new StageTraits { Capacity = plan.Options.Pipeline.StageCapacity, PassesThrough = true };
        var sliced = plan
            .With(options => options with { StoreLayout = slices.Of, GradientLayout = slices.GradientOf })
            .WithOp(
                RankOps.Collective, (run, stage) => new CollectiveBlock(collectives, run.Device.OpenStream("collectives"), stage, slices),
                new StageTraits { RunsOn = DefaultGraph.ComputeLane, Pools = [pools.WholeWeights, pools.WholeGradients] })
            .WithGraph(graph => graph.MapNodes(node => node with { Traits = node.Traits with { Pools = pools.InPlaceOf(node.Traits.Pools) } }))
            .WithPlacement(program => RankProgram.Distribute(program, prefetch))
            .WithCounts(async (own, cancellation) =>
            {
                var sums = await collectives.SumAsync("counts", [own.LabelledTokens, own.Tokens, own.LossCount], cancellation).ConfigureAwait(false);
                return new StepCounts((long)sums[0], (long)sums[1], (long)sums[2]);
            });
        return sliced
            .OutOfJoin(Horizon.Flow.Stages.Download).Insert("slice", (_, stage) => new StageBlock<DeviceGradient, DeviceGradient>(
                stage, gradient => new DeviceGradient(gradient.Visit, gradient.Gradient, slices.GradientOf(gradient.Visit.Layout))), host)
            .At(Horizon.Flow.Stages.Losses).InsertAfter("sum losses", (_, stage) => new LossSumBlock(collectives, stage), host)
            // Behind whatever may still change gradients; clip then believes the sums of all ranks.
            .WithGraph(graph => graph.InsertBefore(
                Horizon.Flow.Stages.Clip, SumSquares, (run, stage) => new SquareSumBlock(collectives, stage, run.WorkersIfChanged(Horizon.Flow.Stages.Accumulate.Name, SumSquares)), host))
            .At(Horizon.Flow.Stages.Clip).Replace((run, stage) => new ClipBlock(run.Options.MaxGradientNorm, stage));
    }
}
