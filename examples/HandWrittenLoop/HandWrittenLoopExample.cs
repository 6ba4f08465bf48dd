using System.Threading.Tasks.Dataflow;
using Horizon.Flow;
using Horizon.Flow.Blocks;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;

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
        using var losses = new LeasePool<LossCell>("losses", 2, () => new LossCell(device));
        using var slabs = SlabPool.Shared("slabs", device, 2, largest * type.ByteSize(), model.Units.Count);

        using var stop = new CancellationTokenSource();
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var means = new List<double>();
        StageOptions OnLane(string name) => Stage(name) with { Scheduler = device.Lane };
        StageOptions Stage(string name) => new() { Name = name, Cancellation = stop.Token, OnFault = Fail };
        void Fail(StageException fault)
        {
            failed.TrySetException(fault);
            stop.Cancel();
        }

        // <snippet>
        var fetch = new FetchBlock([store], Stage("fetch"));
        var upload = new UploadBlock(weights, device, Stage("upload"));
        using var kept = new KeptValues();
        var join = new JoinBlock(device, gradients, losses, name => throw new InvalidOperationException($"no pool '{name}'"), kept, Stage("join"));
        var forward = new ForwardBlock(OnLane("forward"));
        var recompute = new RecomputeBlock(OnLane("recompute"));
        var head = new TransformBlock<HeadWork, Computed>( // stock
            work => work.Give(work.Head.Differentiate(work.Parameters!, work.Gradients, work.Input, work.Batch, work.LossScale)), OnLane("head").ToDataflow());
        var backward = new BackwardBlock(OnLane("backward"));
        var sums = new LossesBlock(device, Stage("losses"));
        var download = new DownloadBlock(slabs, device, type, Stage("download"));
        var accumulate = new AccumulateBlock(SlabPool.PerUnit("none", device, [.. model.Units.Select(_ => (long?)null)]), workers, Stage("accumulate"));
        var clip = new ClipBlock(options.MaxGradientNorm, Stage("clip"));
        var update = new UpdateBlock(store, options.Optimizer, workers, Stage("update"));
        var commit = new ActionBlock<UnitUpdated>(unit => // stock
        {
            store.Advance(unit.Visit.Unit, store.VersionOf(unit.Visit.Unit) + 1);
            means[(int)unit.Step - 1] = unit.Verdict.Losses.Mean;
        });

        var link = new DataflowLinkOptions { PropagateCompletion = true };
        var feedback = new DataflowLinkOptions();
        fetch.LinkTo(upload, link);
        upload.LinkTo(join, link);
        join.Port<ForwardWork>().LinkTo(forward, link);
        join.Port<RecomputeWork>().LinkTo(recompute, link);
        join.Port<HeadWork>().LinkTo(head, link);
        join.Port<BackwardWork>().LinkTo(backward, link);
        forward.LinkTo(join, feedback);
        recompute.LinkTo(join, feedback);
        head.LinkTo(join, feedback);
        backward.LinkTo(join, feedback);
        join.Port<DeviceLoss>().LinkTo(sums, link);
        join.Port<DeviceGradient>().LinkTo(download, link);
        download.LinkTo(accumulate, link);
        accumulate.LinkTo(clip); // two sources: completed below, when both are done
        sums.LinkTo(clip);
        clip.LinkTo(update, link);
        update.LinkTo(commit, link);
        // </snippet>

        // What a plan's run does unasked: after a fault every block ends, and no buffer is freed under one that still works.
        void Drain<T>(ISourceBlock<T> block) => stop.Token.Register(() => block.LinkTo(DataflowBlock.NullTarget<T>()));
        Drain(fetch);
        Drain(upload);
        Drain(head);
        Drain(download);
        Drain(accumulate);
        Drain(sums);
        Drain(clip);
        Drain(update);
        foreach (var ends in new[] { head.Completion, commit.Completion })
        {
            _ = ends.ContinueWith(
                ended => Fail(new StageException("a stock block", (IUnitMessage?)null, ended.Exception!.InnerException!)),
                CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        }

        IDataflowBlock[] blocks = [fetch, upload, join, forward, recompute, head, backward, sums, download, accumulate, clip, update, commit];
        try
        {
            var programmer = new DefaultProgrammer(model, options, store.IsTrainable);
            var number = 0L;
            foreach (var batch in batches)
            {
                number++;
                means.Add(0);
                var step = new StepInfo(number, StepPurpose.Train, options.LearningRate(number), [batch], programmer.ProgramFor(new StepRequest(number, StepPurpose.Train, 1)));
                var run = new ProgramRun(step, [batch], [model]);
                var versions = store.ExpectedVersions();
                store.Begin(number, step.Program.TrainedUnits);
                await join.SendAsync<StepMessage>(run).ConfigureAwait(false);
                foreach (var load in run.Loads(visit => versions[visit.Unit])) await fetch.SendAsync(load).ConfigureAwait(false);
            }

            fetch.Complete();
            await Task.WhenAny(failed.Task, Task.WhenAll(accumulate.Completion, sums.Completion)).ConfigureAwait(false);
            clip.Complete();
            await Task.WhenAny(failed.Task, commit.Completion).ConfigureAwait(false);
            await (failed.Task.IsCompleted ? failed.Task : commit.Completion).ConfigureAwait(false);
            return means;
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAny(Task.WhenAll(blocks.Select(block => block.Completion))).ConfigureAwait(false);
            await device.Lane.RunAsync(join.Dispose, CancellationToken.None).ConfigureAwait(false);
        }
    }
}
