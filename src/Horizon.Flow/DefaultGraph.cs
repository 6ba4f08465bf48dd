using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Blocks;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;
using Horizon.Flow.Resources;

namespace Horizon.Flow;

/// <summary>The default training graph, written with the public API alone: a graph of your own may start from a copy of this method.</summary>
public static class DefaultGraph
{
    /// <summary>The place of stages that compute; a run's device lends them its lane.</summary>
    public const string ComputeLane = "compute lane";

    /// <summary>The graph for these options.</summary>
    /// <param name="options">Bounds, clipping, and the update rule, which may bring its own stage.</param>
    public static GraphPlan<TrainingContext> Compose(TrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var onHost = new StageTraits { Capacity = options.Pipeline.StageCapacity };
        var onLane = new StageTraits { RunsOn = ComputeLane };
        var own = options.Optimizer as IUpdateStage;
        return GraphPlan<TrainingContext>.Empty
            .Add(Stages.Fetch, (run, stage) => new FetchBlock(run.Stores, stage), onHost with { Capacity = options.Pipeline.FetchAhead, IsEntry = true })
            .Add(Stages.Upload, (run, stage) => new UploadBlock(run.Pool(Pools.Weights), run.Device, stage), onHost with { RunsOn = "upload stream", Pools = [Pools.Weights] })
            .Add(Stages.Join, (run, stage) => new JoinBlock(run.Device, run.Pool(Pools.Gradients), run.Pool(Pools.Losses), run.Pool, run.Kept, stage), onLane with
            {
                IsEntry = true,
                IsHub = true,
                Stateful = true,
                Pools = [Pools.Gradients, Pools.Losses, Pools.OffloadedInputs, Pools.ReturnedInputs],
            })
            .Add(Stages.Forward, (_, stage) => new ForwardBlock(stage), onLane)
            .Add(Stages.Recompute, (_, stage) => new RecomputeBlock(stage), onLane)
            .Add(Stages.Head, (_, stage) => new HeadBlock(stage), onLane)
            .Add(Stages.Score, (_, stage) => new ScoreBlock(stage), onLane)
            .Add(Stages.Backward, (_, stage) => new BackwardBlock(stage), onLane)
            .Add(Stages.Offload, (_, stage) => new OffloadBlock(stage), onLane)
            .Add(Stages.Return, (_, stage) => new ReturnBlock(stage), onHost with { RunsOn = "upload stream" })
            .Add(Stages.Logits, (_, stage) => new LogitsBlock(stage), onLane)
            .Add(Stages.LogProbabilities, (_, stage) => new LogProbabilitiesBlock(stage), onLane)
            .Add(Stages.Losses, (run, stage) => new LossesBlock(run.Device, stage), onHost with { RunsOn = "download stream", Stateful = true })
            .Add(Stages.Results, (run, stage) => new ResultsBlock(run.Device, stage), onHost with { RunsOn = "download stream" })
            .Add(Stages.Download, (run, stage) => new DownloadBlock(run.Pool(Pools.Slabs), run.Device, run.Store.WeightType, stage, run.SquaresOnDevice, whole: !run.Plan.Graph.ComesUnchanged(Stages.Join.Name, Stages.Download.Name)),
                onHost with { RunsOn = "download stream", Pools = [Pools.Slabs, Pools.Squares] })
            .Add(Stages.Accumulate, (run, stage) => new AccumulateBlock(run.Pool(Pools.Accumulators), run.Workers, stage), onHost with { Stateful = true, Pools = [Pools.Accumulators] })
            .Add(Stages.Collect, (run, stage) => new CollectBlock(run.Workers, stage), onHost)
            .Add(Stages.Clip, (run, stage) => new ClipBlock(run.Options.MaxGradientNorm, stage, run.WorkersIfChanged(Stages.Accumulate.Name, Stages.Clip.Name)),
                onHost with { Stateful = true, HoldsWholeStep = options.MaxGradientNorm is not null, PassesThrough = true })
            .Add(Stages.Update, own is null ? (run, stage) => new UpdateBlock(run.Store, run.Options.Optimizer, run.Workers, stage, run.Guard(), run.Late) : own.CreateStage, onHost with
            {
                Capacity = Math.Max(options.Pipeline.StageCapacity, options.Pipeline.GradientSlabs - 2), // those that wait are taken in an order of their own; two slabs stay for what comes down
                Stateful = true,
                Pools = own?.Pools ?? [],
            })
            .Add(Stages.Commit, (run, stage) => new CommitBlock(run.Store, stage), onHost with { PassesThrough = true })
            .Add(Stages.Report, (run, stage) => new ReportBlock(run.Ledger, stage), onHost)
            .Connect(Stages.Fetch, Stages.Upload)
            .Connect(Stages.Upload, Stages.Join)
            .ConnectPort(Stages.Join, Stages.Forward)
            .ConnectPort(Stages.Join, Stages.Recompute)
            .ConnectPort(Stages.Join, Stages.Head)
            .ConnectPort(Stages.Join, Stages.Score)
            .ConnectPort(Stages.Join, Stages.Backward)
            .ConnectPort(Stages.Join, Stages.Offload)
            .ConnectPort(Stages.Join, Stages.Return)
            .ConnectPort(Stages.Join, Stages.Logits, Ops.Logits, work => work.Visit.Op == Ops.Logits)
            .ConnectPort(Stages.Join, Stages.LogProbabilities, Ops.LogProbabilities, work => work.Visit.Op == Ops.LogProbabilities)
            .ConnectPort(Stages.Join, Stages.Losses)
            .ConnectPort(Stages.Join, Stages.Results)
            .ConnectPort(Stages.Join, Stages.Download)
            .Feed(Stages.Forward, Stages.Join)
            .Feed(Stages.Recompute, Stages.Join)
            .Feed(Stages.Head, Stages.Join)
            .Feed(Stages.Score, Stages.Join)
            .Feed(Stages.Backward, Stages.Join)
            .Feed(Stages.Offload, Stages.Join)
            .Feed(Stages.Return, Stages.Join)
            .Feed(Stages.Logits, Stages.Join)
            .Feed(Stages.LogProbabilities, Stages.Join)
            .Connect(Stages.Download, Stages.Accumulate)
            .Connect(Stages.Accumulate, Stages.Collect, "for gradients alone", gradient => gradient.Info.Purpose == StepPurpose.Gradients)
            .Connect(Stages.Accumulate, Stages.Clip)
            .Connect(Stages.Collect, Stages.Report)
            .Connect(Stages.Losses, Stages.Clip, "training", losses => losses.Info.Purpose == StepPurpose.Train)
            .Connect(Stages.Losses, Stages.Report, "evaluation", losses => losses.Info.Purpose != StepPurpose.Train)
            .Connect(Stages.Results, Stages.Report)
            .Connect(Stages.Clip, Stages.Update)
            .Connect(Stages.Update, Stages.Commit)
            .Connect(Stages.Commit, Stages.Report);
    }

    /// <summary>Adds a stage for an operation of the user's own to a graph.</summary>
    public static GraphPlan<TrainingContext> WithOp(
        this GraphPlan<TrainingContext> graph, string op, Func<TrainingContext, StageOptions, IPropagatorBlock<OpWork, Computed>> create, StageTraits? traits = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var key = new StageKey<OpWork, Computed>(op);
        return graph.Add(key, create, traits ?? new StageTraits { RunsOn = ComputeLane })
            .ConnectPort(Stages.Join, key, op, work => work.Visit.Op == op)
            .Feed(key, Stages.Join);
    }
}
