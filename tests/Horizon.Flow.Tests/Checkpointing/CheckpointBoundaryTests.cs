using FsCheck;
using Horizon.Flow.Checkpointing;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Messages;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Tests.Training;

namespace Horizon.Flow.Tests.Checkpointing;

/// <summary>A checkpoint holds the state after its step, and nothing of another, whoever asks for it and whatever else the plan does.</summary>
public sealed class CheckpointBoundaryTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    private readonly string _path = Directory.CreateTempSubdirectory("horizon-boundary-").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Fact]
    public async Task WriteNow_WhileAStepIsUnderWay_IsRefusedAndSaysWhatToAwait()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var plan = SmallRun.Plan().At(Stages.Download).InsertAfter("hold", (_, stage) => new StageBlock<HostGradient, HostGradient>(stage, async (gradient, call) =>
        {
            await call.WaitFor(new ValueTask(gate.Task));
            return gradient;
        }));
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        await using var writer = new CheckpointWriter(plan, store, new TrainingCheckpoints(_path), new CheckpointOptions());
        await using var run = plan.Start(store, device);
        await run.BeginStepAsync(SmallRun.Batch());
        var error = await Assert.ThrowsAsync<HorizonException>(writer.WriteNowAsync);
        Assert.Equal("no checkpoint can be written now, for a step after step 0 is under way; await TrainingRun.StepBoundaryAsync first", error.Message);
        gate.SetResult();
        Assert.Equal(1, await run.StepBoundaryAsync().WaitAsync(Bound));
        Assert.Equal(1, (await writer.WriteNowAsync()).Step);
    }

    /// <summary>Steps overlap in such a loop: only at a boundary is the store at one of them.</summary>
    [Fact]
    public async Task WriteNow_AtTheBoundariesOfAStepLoop_HoldsEachStepsOwnState()
    {
        var plan = SmallRun.Plan();
        var folder = new TrainingCheckpoints(_path);
        using var store = SmallRun.NewStore(plan);
        using var device = new JitterDevice(7);
        await using var writer = new CheckpointWriter(plan, store, folder, new CheckpointOptions());
        await using (var run = plan.Start(store, device))
        {
            await foreach (var _ in run.StepsAsync(Enumerable.Range(0, 3).Select(SmallRun.Batch)))
            {
                var step = await run.StepBoundaryAsync().WaitAsync(Bound);
                Assert.Equal(step, (await writer.WriteNowAsync()).Step);
            }
        }

        foreach (var step in folder.Steps)
        {
            using var reference = SmallRun.NewStore(plan);
            await using (var run = plan.Start(reference, device))
                for (var i = 0; i < step; i++) await run.BeginStepAsync(SmallRun.Batch(i));
            using var loaded = plan.CreateStore(StorePrecision.Fp32);
            await LoadAsync(plan, folder, step, loaded);
            Assert.Equal(CheckpointCase.State(reference), CheckpointCase.State(loaded));
        }
    }

    /// <summary>A stage after the update that changes the weights too: what is saved is what commit sees.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WithCheckpoints_BesideAStageAfterTheUpdate_SavesWhatIsCommittedWhateverTheOrder(bool checkpointsFirst)
    {
        var plan = SmallRun.Plan();
        var folder = new TrainingCheckpoints(_path);
        using var store = SmallRun.NewStore(plan);
        await using var writer = new CheckpointWriter(plan, store, folder, new CheckpointOptions { IsDue = step => step == 2 });
        TrainingPlan Halve(TrainingPlan before) => before
            .At(Stages.Update).InsertAfter("halve", (run, stage) => Change(run, stage, weight => weight / 2))
            .WithGraph(graph => graph.InsertBefore(Stages.Commit, "shift", (run, stage) => Change(run, stage, weight => weight + 1)));
        plan = checkpointsFirst ? Halve(plan.WithCheckpoints(writer)) : Halve(plan).WithCheckpoints(writer);
        Assert.Empty(plan.Validate());
        using var device = new CpuDevice();
        await using (var run = plan.Start(store, device))
            foreach (var step in (int[])[0, 1]) await run.BeginStepAsync(SmallRun.Batch(step));
        await writer.FinishAsync();
        using var loaded = plan.CreateStore(StorePrecision.Fp32);
        await LoadAsync(plan, folder, 2, loaded);
        Assert.Equal(CheckpointCase.State(store), CheckpointCase.State(loaded));
    }

    /// <summary>
    /// The writer alone, beside steps that leave units out: units go through their updates at their own pace, also past a checkpoint that
    /// has not begun.
    /// </summary>
    [Cases(40)]
    public async Task Write_BesideStepsThatLeaveUnitsOut_HoldsTheStateOfItsStep(PositiveInt seed)
    {
        const int Units = 4, Steps = 6;
        var random = new System.Random(seed.Get);
        var steps = Enumerable.Range(0, Steps).Select(_ => Enumerable.Range(0, Units).Where(_ => random.Next(2) == 0).ToHashSet()).ToList();
        var plan = TrainingPlan.For(ModelFamilies.Define((SmallRun.Case.Model with { Layers = 3 }).Config), SmallRun.Case.Options());
        Assert.Equal(Units, plan.Model.Units.Count);
        using var store = plan.CreateStore(StorePrecision.Fp32);
        using var workers = new HostWorkers(1);
        var folder = new TrainingCheckpoints(Path.Combine(_path, $"{seed.Get}"));
        await using var writer = new CheckpointWriter(plan, store, folder, new CheckpointOptions { IsDue = step => step % 2 == 1, CopyBuffers = random.Next(3) });
        for (var step = 1; step <= Steps; step++) store.Begin(step, steps[step - 1]);
        var next = new int[Units];
        while (true)
        {
            // Some unit goes one update further; as in the graph, the gradients of a unit, and of a step, come in order.
            var ready = Enumerable.Range(0, Units).Where(unit => steps.Skip(next[unit]).Any(step => step.Contains(unit))).ToList();
            if (ready.Count == 0) break;
            var unit = ready[random.Next(ready.Count)];
            while (!steps[next[unit]].Contains(unit)) next[unit]++;
            var number = ++next[unit];
            if (steps.Take(number - 1).Where((step, i) => Enumerable.Range(0, Units).Any(one => one != unit && step.Contains(one) && next[one] <= i)).Any())
            {
                next[unit]--;
                continue; // an earlier step has a unit that has not come yet
            }

            await writer.ProtectAsync(unit, number, workers).AsTask().WaitAsync(Bound);
            store.Units[unit].Weights.Span<float>(0, 1)[0] = number;
            store.Units[unit].Updates++;
            await writer.OfferAsync(unit, number).AsTask().WaitAsync(Bound);
            store.Advance(unit, store.VersionOf(unit) + 1);
        }

        await writer.FinishAsync().WaitAsync(Bound);
        foreach (var step in folder.Steps)
        {
            using var loaded = plan.CreateStore(StorePrecision.Fp32);
            await LoadAsync(plan, folder, step, loaded);
            for (var unit = 0; unit < Units; unit++)
            {
                var updates = Enumerable.Range(1, (int)step).Where(number => steps[number - 1].Contains(unit)).ToList();
                Assert.Equal(updates.LastOrDefault(), loaded.Units[unit].Weights.Span<float>(0, 1)[0]);
                Assert.Equal((updates.Count, updates.Count), (loaded.VersionOf(unit), loaded.Units[unit].Updates));
            }
        }

        // Where every step updates something, the last due one is written.
        if (steps.All(step => step.Count > 0)) Assert.Contains(Steps - 1, folder.Steps.Select(step => (int)step));
    }

    private static StageBlock<UnitUpdated, UnitUpdated> Change(TrainingContext run, StageOptions stage, Func<float, float> change) => new(stage, (updated, _) =>
    {
        var weights = run.Store.Units[updated.Visit.Unit].Weights;
        foreach (ref var weight in weights.Span<float>(0, (int)(weights.ByteLength / sizeof(float)))) weight = change(weight);
        return ValueTask.FromResult<UnitUpdated?>(updated);
    });

    private static Task LoadAsync(TrainingPlan plan, TrainingCheckpoints folder, long step, ParameterStore store) =>
        folder.Open(step).LoadAsync(store, CheckpointContents.Of(plan.Model.Architecture, store, plan.Options.Optimizer));
}
