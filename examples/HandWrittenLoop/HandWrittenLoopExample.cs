using System.Threading.Tasks.Dataflow;
using Horizon.Flow;
using Horizon.Flow.Graph;
using Horizon.Flow.Host;

namespace Horizon.Examples;

/// <summary>A training loop by hand: the raw blocks, linked to each other and to stock Dataflow blocks, with no plan at all.</summary>
public static class HandWrittenLoopExample
{
    /// <summary>Trains with the hand-written loop and with the default plan.</summary>
    public static async Task<(Outcome ByHand, Outcome ByPlan)> RunAsync(TextWriter output, int steps = 10)
    {
        var plan = TrainingPlan.For(Tiny.Model, Tiny.Options);
        var byPlan = await Outcome.OfAsync(plan, steps).ConfigureAwait(false);
        using var store = Tiny.CreateStore(plan);
        var losses = await TrainAsync(plan.Model, plan.Options, store, Tiny.Steps(steps).Select(step => step[0])).ConfigureAwait(false);
        var byHand = byPlan with
        {
            Reports = [.. byPlan.Reports.Zip(losses, (report, loss) => report with { Loss = loss })],
            Parameters = Outcome.Read(store),
        };
        await output.WriteLineAsync($"loss by hand {byHand.LastLoss:R}, by the plan {byPlan.LastLoss:R}: bitwise equal {byHand.IsBitwise(byPlan)}").ConfigureAwait(false);
        return (byHand, byPlan);
    }

    /// <summary>Trains a store on one micro-batch a step.</summary>
    /// <returns>The loss of each step.</returns>
    /// <exception cref="StageException">What went wrong first, with its stage, unit and step.</exception>
    public static async Task<List<double>> TrainAsync(ModelDefinition model, TrainingOptions options, ParameterStore store, IEnumerable<MicroBatch> batches)
    {
        using var device = Tiny.CreateDevice();
        using var workers = new HostWorkers(options.HostThreads);
        var (largest, type) = (model.Units.Max(unit => unit.ElementCount), store.WeightType);
        using var weights = new LeasePool<DeviceSlot>("weights", 2, () => new DeviceSlot(device.Allocate(largest, type)));
        using var gradients = new LeasePool<DeviceSlot>("gradients", 2, () => new DeviceSlot(device.Allocate(largest, type)));
        using var losses = new LeasePool<LossCell>("losses", 1, () => new LossCell(device));
        using var slabs = SlabPool.Shared("slabs", device, 2, largest * type.ByteSize(), model.Units.Count);

        using var stop = new CancellationTokenSource();
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        StageOptions Stage(string name) => new() { Name = name, Cancellation = stop.Token, OnFault = Fail };
        void Fail(StageException fault)
        {
            failed.TrySetException(fault);
            stop.Cancel();
        }

        // <snippet>
        var fetch = new FetchBlock(store, Stage("fetch"));
        var upload = new UploadBlock(weights, device, type, Stage("upload"));
        var forward = new ForwardBlock(model, device, Stage("forward"));
        var head = new HeadBlock(model.Head.Template, gradients, losses, device, Stage("head"));
        var recompute = new RecomputeBlock(model, device, Stage("recompute"));
        var backward = new BackwardBlock(gradients, device, Stage("backward"));
        var download = new DownloadBlock(slabs, device, type, Stage("download"));
        var update = new UpdateBlock(store, options.Optimizer, workers, Stage("update"));
        var commit = new ActionBlock<UnitUpdated>(unit => store.Advance(unit.Visit.Unit, unit.Visit.Step.VersionOf(unit.Visit.Unit) + 1)); // stock

        var link = new DataflowLinkOptions { PropagateCompletion = true };
        fetch.LinkTo(upload, link);
        upload.LinkTo(forward, link, unit => unit.Visit.Pass == UnitPass.Forward);
        upload.LinkTo(head, link, unit => unit.Visit.Pass == UnitPass.Head);
        upload.LinkTo(recompute, link, unit => unit.Visit.Pass == UnitPass.Backward);
        recompute.LinkTo(backward, link);
        head.LinkTo(download);
        backward.LinkTo(download); // two sources: completed below, when both are done
        download.LinkTo(update, link);
        update.LinkTo(commit, link);
        // </snippet>

        // What a plan's run does unasked: after a fault every block ends, and no buffer is freed under one that still works.
        void Drain<T>(ISourceBlock<T> block) => stop.Token.Register(() => block.LinkTo(DataflowBlock.NullTarget<T>()));
        Drain(fetch);
        Drain(upload);
        Drain(head);
        Drain(recompute);
        Drain(backward);
        Drain(download);
        Drain(update);
        _ = commit.Completion.ContinueWith(
            ended => Fail(new StageException("commit", (IUnitMessage?)null, ended.Exception!.InnerException!)),
            CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        IDataflowBlock[] blocks = [fetch, upload, forward, head, recompute, backward, download, update, commit];
        try
        {
            var schedule = new VisitSchedule(model, options, store.IsTrainable);
            var steps = new List<StepScope>();
            foreach (var batch in batches)
            {
                var number = steps.Count + 1;
                var step = new StepScope(number, StepPurpose.Train, store.ExpectedVersions(), options.LearningRate(number), [batch]);
                store.Begin(number);
                var microBatch = new MicroBatchScope(0, batch, model.Hidden.Count);
                foreach (var visit in schedule.Visits(step, microBatch)) await fetch.SendAsync(new UnitRequest(visit)).ConfigureAwait(false);
                steps.Add(step);
            }

            fetch.Complete();
            await Task.WhenAny(failed.Task, Task.WhenAll(head.Completion, backward.Completion)).ConfigureAwait(false);
            download.Complete();
            await Task.WhenAny(failed.Task, commit.Completion).ConfigureAwait(false);
            await (failed.Task.IsCompleted ? failed.Task : commit.Completion).ConfigureAwait(false);
            await Task.WhenAll(steps.Select(step => step.LossesKnown)).ConfigureAwait(false);
            return [.. steps.Select(step => step.Loss)];
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAny(Task.WhenAll(blocks.Select(block => block.Completion))).ConfigureAwait(false);
        }
    }
}
