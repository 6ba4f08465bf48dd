using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>The default training graph, written with the public API alone: a graph of your own may start from a copy of this method.</summary>
public static class DefaultGraph
{
    /// <summary>The graph for a model and these options.</summary>
    /// <param name="model">For what moves out of the device.</param>
    /// <param name="options">Bounds, clipping, policies.</param>
    public static GraphPlan<TrainingContext> Compose(ModelDefinition model, TrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        var capacity = options.Pipeline.StageCapacity;
        var onLane = new StageTraits { Capacity = capacity, RunsOn = "compute lane" };
        var moves = model.Hidden.Where((binding, layer) => !binding.Template.IsEmbedding && options.Activations(layer) == ActivationPolicy.MoveOut).Any();
        var onHost = new StageTraits { Capacity = capacity, RunsOn = "host threads" };

        var graph = GraphPlan<TrainingContext>.Empty
            .Add(Stages.Fetch, (run, stage) => new FetchBlock(run.Store, stage), onHost with { Capacity = options.Pipeline.FetchAhead, IsEntry = true })
            .Add(Stages.Upload, (run, stage) => new UploadBlock(run.Weights, run.Device, run.Store.WeightType, stage),
                onHost with { RunsOn = "upload stream", Pools = [PoolNames.DeviceWeights] })
            .Add(Stages.Admit, (run, stage) => new AdmitBlock(run.Admissions, stage), onHost with { Pools = [PoolNames.Admissions] })
            .Add(Stages.Forward, (run, stage) => new ForwardBlock(run.Model, run.Device, stage, run.MovedInputs), onLane with { Pools = moves ? [PoolNames.MovedInputs] : [] })
            .Add(Stages.Head, (run, stage) => new HeadBlock(run.Model.Head.Template, run.Gradients, run.Losses, run.Device, stage),
                onLane with { Pools = [PoolNames.DeviceGradients, PoolNames.Losses] })
            .Add(Stages.Recompute, (run, stage) => new RecomputeBlock(run.Model, run.Device, stage), onLane)
            .Add(Stages.Segment, (_, stage) => new SegmentBlock(stage), onHost)
            .Add(Stages.Backward, (run, stage) => new BackwardBlock(run.Gradients, run.Device, stage), onLane with { Pools = [PoolNames.DeviceGradients] })
            .Add(Stages.Download, (run, stage) => new DownloadBlock(run.Slabs, run.Device, run.Store.WeightType, stage, run.Squares),
                onHost with { RunsOn = "download stream", Pools = [PoolNames.Slabs] })
            .Add(Stages.Gather, (run, stage) => new GatherBlock(run.ExpectedGradients, run.Accumulators, run.Workers, stage), onHost with { Pools = [PoolNames.Accumulators] })
            .Add(Stages.Update, MakeUpdate, onHost)
            .Add(Stages.Commit, (run, stage) => new CommitBlock(run.Store, stage, run.OnCommitted), onHost)
            .Connect(Stages.Fetch, Stages.Upload)
            .Connect(Stages.Upload, Stages.Admit)
            .Connect(Stages.Admit, Stages.Forward, "forward", unit => unit.Visit.Pass == UnitPass.Forward)
            .Connect(Stages.Admit, Stages.Head, "head", unit => unit.Visit.Pass == UnitPass.Head)
            .Connect(Stages.Admit, Stages.Recompute, "backward", unit => unit.Visit.Pass == UnitPass.Backward)
            .Connect(Stages.Recompute, Stages.Segment)
            .Connect(Stages.Segment, Stages.Backward)
            .Connect(Stages.Head, Stages.Download)
            .Connect(Stages.Backward, Stages.Download)
            .Connect(Stages.Download, Stages.Gather)
            .Connect(Stages.Update, Stages.Commit);

        if (moves)
        {
            graph = graph.InsertBefore(Stages.Recompute, Stages.Return.Name, (run, stage) => new ReturnBlock(run.ReturnedInputs!, stage),
                onHost with { RunsOn = "upload stream", Pools = [PoolNames.MovedInputs, PoolNames.ReturnedInputs] });
        }

        return options.MaxGradientNorm is { } maximum
            ? graph
                .Add(Stages.Clip, (run, stage) => new ClipBlock(maximum, run.TrainedUnits, stage), onHost with { HoldsWholeStep = true, Pools = [PoolNames.Slabs] })
                .Connect(Stages.Gather, Stages.Clip)
                .Connect(Stages.Clip, Stages.Update)
            : graph.Connect(Stages.Gather, Stages.Update);
    }

    private static IPropagatorBlock<HostGradient, UnitUpdated> MakeUpdate(TrainingContext run, StageOptions stage)
    {
        if (run.Options.Optimizer is not Muon muon) return new UpdateBlock(run.Store, run.Options.Optimizer, run.Workers, stage);
        var largest = Muon.LargestMatrix(run.Model.Units.Where((_, i) => run.Store.IsTrainable(i)))?.Count ?? 0;
        var workspaces = run.Register(new LeasePool<MuonWorkspace>(PoolNames.MuonWorkspaces, 1, () => new MuonWorkspace(run.Device, largest, run.Store.WeightType)));
        return new MuonUpdateBlock(run.Store, muon, run.Workers, workspaces, stage);
    }
}
