using System.Threading.Tasks.Dataflow;
using Horizon.Flow;
using Horizon.Flow.Blocks;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Messages;
using Horizon.Flow.Resources;

namespace Horizon.Examples;

/// <summary>
/// A stock Dataflow block for every stage of the default graph. The hub alone stays: it owns what the others are lent. Each twin's body only
/// does what its stage is for; <c>stage.ToDataflow()</c> brings bounds, cancellation and the compute lane.
/// </summary>
public static class StockTwins
{
    /// <summary>The plan with a twin in the place of each of its stages but the hub.</summary>
    public static TrainingPlan Of(TrainingPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return plan
            .At(Stages.Fetch).Replace(Fetch).At(Stages.Upload).Replace(Upload)
            .At(Stages.Forward).Replace(Forward).At(Stages.Recompute).Replace(Recompute).At(Stages.Backward).Replace(Backward)
            .At(Stages.Head).Replace(Head).At(Stages.Score).Replace(Score)
            .At(Stages.Offload).Replace(Offload).At(Stages.Return).Replace(Return)
            .At(Stages.Logits).Replace(Logits).At(Stages.LogProbabilities).Replace(LogProbabilities)
            .At(Stages.Losses).Replace(Losses).At(Stages.Results).Replace(Results)
            .At(Stages.Download).Replace(Download).At(Stages.Accumulate).Replace(Accumulate).At(Stages.Collect).Replace(Collect)
            .At(Stages.Clip).Replace(Clip).At(Stages.Update).Replace(Update).At(Stages.Commit).Replace(Commit).At(Stages.Report).Replace(Report);
    }

    // <snippet>
    /// <summary>Finds a unit's weights once it has seen all updates asked for.</summary>
    public static TransformBlock<LoadRequest, HostUnit> Fetch(TrainingContext run, StageOptions stage) => new(async request =>
    {
        var store = run.Stores[request.Visit.Planned.Store];
        await store.WaitForVersionAsync(request.Visit.Unit, request.Version, stage.Cancellation).ConfigureAwait(false);
        return new HostUnit(request.Visit, store.Units[request.Visit.Unit].Weights);
    }, stage.ToDataflow());

    /// <summary>Copies it to the device.</summary>
    public static TransformBlock<HostUnit, DeviceUnit> Upload(TrainingContext run, StageOptions stage) => new(async unit =>
    {
        var lease = await run.Pool(Pools.Weights).RentAsync(stage.Cancellation).ConfigureAwait(false);
        lease.Value.Fence = run.Device.Upload(unit.Weights, unit.ByteLength, lease.Value.Buffer, lease.Value.Fence);
        return new DeviceUnit(unit.Visit, lease);
    }, stage.ToDataflow());

    /// <summary>A unit's forward.</summary>
    public static TransformBlock<ForwardWork, Computed> Forward(TrainingContext run, StageOptions stage) => new(
        work => work.Give(work.Template.Forward(work.Parameters!, work.Input, work.Batch)), stage.ToDataflow());

    /// <summary>The same with a tape.</summary>
    public static TransformBlock<RecomputeWork, Computed> Recompute(TrainingContext run, StageOptions stage) => new(
        work => work.Give(work.Template.Recompute(work.Parameters, work.Input, work.Batch)), stage.ToDataflow());

    /// <summary>A unit's gradients.</summary>
    public static TransformBlock<BackwardWork, Computed> Backward(TrainingContext run, StageOptions stage) => new(
        work => work.Give(work.Tape.Backward(work.OutputGradient, work.Gradients)), stage.ToDataflow());

    /// <summary>Loss and the head's gradients.</summary>
    public static TransformBlock<HeadWork, Computed> Head(TrainingContext run, StageOptions stage) => new(
        work => work.Give(work.Head.Differentiate(work.Parameters!, work.Gradients, work.Input, work.Batch, work.LossScale)), stage.ToDataflow());

    /// <summary>The loss alone.</summary>
    public static TransformBlock<ScoreWork, Computed> Score(TrainingContext run, StageOptions stage) => new(
        work => work.Give(work.Head.Score(work.Parameters!, work.Input, work.Batch)), stage.ToDataflow());

    /// <summary>A hidden state to host memory.</summary>
    public static TransformBlock<OffloadWork, Computed> Offload(TrainingContext run, StageOptions stage) => new(
        work => work.Give(work.Place.CopyFrom(work.Input)), stage.ToDataflow());

    /// <summary>And back.</summary>
    public static TransformBlock<ReturnWork, Computed> Return(TrainingContext run, StageOptions stage) => new(async work =>
    {
        await work.Source.Fence.WaitAsync(stage.Cancellation).ConfigureAwait(false);
        await work.Place.FillAsync(work.Source, stage.Cancellation).ConfigureAwait(false);
        return work.Give();
    }, stage.ToDataflow());

    /// <summary>Logits of the labelled places.</summary>
    public static TransformBlock<OpWork, Computed> Logits(TrainingContext run, StageOptions stage) => new(
        work => work.GiveResult(work.Head.Logits(work.Parameters!, work.Batch.LabelledRows(work.Input()))), stage.ToDataflow());

    /// <summary>Log-probabilities of the labels.</summary>
    public static TransformBlock<OpWork, Computed> LogProbabilities(TrainingContext run, StageOptions stage) => new(
        work => work.GiveResult(work.Head.LogProbabilities(work.Parameters!, work.Input(), work.Batch)), stage.ToDataflow());

    /// <summary>Reads the losses, and gives them when all are there.</summary>
    public static TransformManyBlock<DeviceLoss, StepLosses> Losses(TrainingContext run, StageOptions stage)
    {
        var sums = new List<(int MicroBatch, double Sum)>();
        return new(async loss =>
        {
            using var cell = loss.Cell;
            await run.Device.Download(cell.Value.OnDevice, sizeof(float), cell.Value.OnHost, loss.Ready).WaitAsync().ConfigureAwait(false);
            sums.Add((loss.Visit.MicroBatch, cell.Value.OnHost.Span<float>(0, 1)[0]));
            if (sums.Count < loss.Info.Program.Losses) return [];
            var step = new StepLosses(loss.Info, [.. Enumerable.Range(0, loss.Info.MicroBatchCount).Select(i => sums.Where(one => one.MicroBatch == i).Sum(one => one.Sum))]);
            sums.Clear();
            return [step];
        }, stage.ToDataflow());
    }

    /// <summary>Reads numbers that were asked for.</summary>
    public static TransformBlock<DeviceResult, HostResult> Results(TrainingContext run, StageOptions stage) => new(async result =>
    {
        using var numbers = result.Numbers;
        var source = DeviceBuffer.Of(numbers);
        using var target = new HostBuffer(Math.Max(1, source.ByteLength));
        await run.Device.Download(source, source.ByteLength, target, result.Ready).WaitAsync().ConfigureAwait(false);
        return new HostResult(result.Visit, target.Span<float>(0, (int)source.ElementCount).ToArray(), numbers.shape);
    }, stage.ToDataflow());

    /// <summary>A gradient to host memory.</summary>
    public static TransformBlock<DeviceGradient, HostGradient> Download(TrainingContext run, StageOptions stage) => new(async gradient =>
    {
        var (slot, bytes) = (gradient.Gradient.Value, gradient.Layout.ElementCount * run.Store.WeightType.ByteSize());
        var slab = await run.Pool(Pools.Slabs).RentAsync(gradient.Visit.Unit, stage.Cancellation).ConfigureAwait(false);
        var landed = slot.Fence = run.Device.Download(slot.Buffer, bytes, slab.Value, slot.Fence);
        gradient.Gradient.Dispose();
        await landed.WaitAsync().ConfigureAwait(false);
        return new HostGradient(gradient.Visit, slab, run.Store.WeightType, layout: gradient.Layout);
    }, stage.ToDataflow());

    /// <summary>Sums the gradients of a unit.</summary>
    public static TransformManyBlock<HostGradient, HostGradient> Accumulate(TrainingContext run, StageOptions stage)
    {
        var (pool, sums) = (run.Pool(Pools.Accumulators), new Dictionary<int, (Lease<HostBuffer> Sum, int Count)>());
        return new(async gradient =>
        {
            var unit = gradient.Visit.Unit;
            if (!pool.Has(unit)) return [gradient.WithSumOfSquares(GradientSweeps.SumOfSquares(gradient.View, run.Workers).Value)];
            var (sum, count) = sums.Remove(unit, out var begun) ? begun : (await pool.RentAsync(unit, stage.Cancellation).ConfigureAwait(false), 0);
            var squares = GradientSweeps.Accumulate(sum.Value.Address, gradient.View, overwrite: count == 0, run.Workers).Value;
            gradient.Slab.Dispose();
            if (count + 1 == gradient.Info.Program.GradientsOf(unit)) return [new HostGradient(gradient.Visit, sum, ElementType.Float32, squares, gradient.Layout)];
            sums.Add(unit, (sum, count + 1));
            return [];
        }, stage.ToDataflow());
    }

    /// <summary>Copies a gradient for who asked for it.</summary>
    public static TransformBlock<HostGradient, CollectedGradient> Collect(TrainingContext run, StageOptions stage) => new(gradient =>
    {
        using var slab = gradient.Slab;
        return new CollectedGradient(gradient.Visit, gradient.Floats(0, (int)gradient.Layout.ElementCount).ToArray());
    }, stage.ToDataflow());

    /// <summary>Decides on a step's gradients once losses, and with a largest norm all gradients, are there.</summary>
    public static TransformManyBlock<StepMessage, HostGradient> Clip(TrainingContext run, StageOptions stage)
    {
        var (held, losses, skip) = (new List<HostGradient>(), (StepLosses?)null, (string?)null);
        return new(message =>
        {
            if (message is HostGradient gradient) held.Add(gradient);
            else (losses, skip) = ((StepLosses)message, ((StepLosses)message).Bad);
            if (losses?.Info != message.Info || (run.Options.MaxGradientNorm is not null && held.Count < message.Info.Program.TrainedUnits.Length)) return [];
            (var step, held) = (held.OrderBy(one => one.Visit.Unit).ToArray(), []);
            var norm = Math.Sqrt(step.Sum(one => one.SumOfSquares!.Value));
            skip ??= double.IsFinite(norm) ? null : "a gradient is not finite";
            var verdict = new StepVerdict(losses, skip is null && run.Options.MaxGradientNorm is { } maximum ? ClipMath.Scale(norm, maximum) : 1, skip);
            return step.Select(one => one.WithVerdict(verdict));
        }, stage.ToDataflow());
    }

    /// <summary>One optimizer step for a unit.</summary>
    public static TransformBlock<HostGradient, UnitUpdated> Update(TrainingContext run, StageOptions stage)
    {
        var guard = run.Guard();
        return new(async gradient => (await guard.RunAsync(
            gradient, (unit, step) => run.Options.Optimizer.Update(unit, gradient.View, step, run.Workers)).ConfigureAwait(false))!, stage.ToDataflow());
    }

    /// <summary>Lets the next step have it.</summary>
    public static TransformBlock<UnitUpdated, UnitUpdated> Commit(TrainingContext run, StageOptions stage) => new(updated =>
    {
        run.Store.Advance(updated.Visit.Unit, run.Store.VersionOf(updated.Visit.Unit) + 1);
        return updated;
    }, stage.ToDataflow());

    /// <summary>The end of the line.</summary>
    public static ActionBlock<StepMessage> Report(TrainingContext run, StageOptions stage) => new(run.Ledger.Take, stage.ToDataflow());
    // </snippet>

    /// <summary>Lines of each twin that hold code: all behind its signature but lone braces; one where everything stands on one line.</summary>
    public static IReadOnlyDictionary<string, int> Lines()
    {
        using var source = new StreamReader(typeof(StockTwins).Assembly.GetManifestResourceStream("StockTwins.cs")!);
        var snippet = source.ReadToEnd().Split("// <snippet>")[1].Split("// </snippet>")[0];
        return snippet.Split("/// <summary>").Skip(1).ToDictionary(
            twin => twin.Split("(TrainingContext run")[0].Split(' ')[^1].Trim(),
            twin => Math.Max(1, twin.Split('\n').Skip(2).Count(line => line.Any(char.IsLetter) && !line.Trim().StartsWith("},", StringComparison.Ordinal))));
    }
}
