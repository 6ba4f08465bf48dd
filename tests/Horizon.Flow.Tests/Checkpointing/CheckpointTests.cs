using System.Collections.Concurrent;
using Horizon.Flow.Checkpointing;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Checkpointing;

/// <summary>Checkpoints that are written while training goes on, and runs that go on from them.</summary>
public sealed class CheckpointTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    private readonly string _path = Directory.CreateTempSubdirectory("horizon-checkpoints-").FullName;
    private int _folders;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    /// <summary>Losses, norms, and every byte of weights, differences and optimizer state.</summary>
    [Cases(8, Arbitrary = [typeof(CheckpointCase.Cases)])]
    public async Task Resume_AnyModelOptimizerAndOtherCapacities_IsBitwiseTheUninterruptedRun(CheckpointCase @case)
    {
        using var store = @case.NewStore(@case.Plan());
        var reports = await @case.TrainAsync(@case.Plan(), store, @case.Training.Steps);

        var folder = NewFolder();
        await InterruptAsync(@case, folder);
        var plan = @case.Plan(variant: 2);
        using var resumed = plan.CreateStore(@case.Precision);
        var checkpoint = await LoadAsync(@case, plan, resumed, folder);
        Assert.Equal(@case.SavedStep, checkpoint.Manifest.Step);
        Assert.Equal(reports.Skip(@case.SavedStep), await @case.TrainAsync(plan, resumed, @case.Training.Steps));
        Assert.Equal(CheckpointCase.State(store), CheckpointCase.State(resumed));
    }

    /// <summary>
    /// The disk is held at the first unit until an update has to wait for it, and all copies that it may make are made; so updates of later
    /// steps stand, or have happened, beside a checkpoint that has hardly begun.
    /// </summary>
    [Cases(6, Arbitrary = [typeof(CheckpointCase.Cases)])]
    public async Task Write_BesideUpdatesThatOvertakeTheDisk_HoldsTheStateOfItsStep(CheckpointCase @case)
    {
        using var reference = @case.NewStore(@case.Plan());
        await @case.TrainAsync(@case.Plan(), reference, @case.SavedStep);

        var folder = NewFolder();
        var time = new CountingTime();
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // The first reading is the checkpoint's begin, the second that of a wait, after all copying.
        time.Read += count =>
        {
            if (count == 2) gate.TrySetResult();
        };
        var plan = @case.Plan(variant: 1);
        using var store = @case.NewStore(plan);
        var written = new ConcurrentQueue<CheckpointReport>();
        await using var writer = new CheckpointWriter(plan, store, new GatedTarget(folder, gate.Task), new CheckpointOptions
        {
            IsDue = step => step == @case.SavedStep,
            CopyBuffers = @case.CopyBuffers,
            Written = written.Enqueue,
            Time = time,
        });
        await @case.TrainAsync(plan.WithCheckpoints(writer), store, @case.Training.Steps).WaitAsync(Bound);
        gate.TrySetResult();
        await writer.FinishAsync().WaitAsync(Bound);

        var report = Assert.Single(written);
        var trained = store.Units.Where((_, i) => store.IsTrainable(i)).Count();
        // The unit that the disk holds is not copied, unless its update came first.
        Assert.InRange(report.CopiedUnits, Math.Min(@case.CopyBuffers, trained - 1), trained);
        if (@case.CopyBuffers == 0) Assert.True(report.Waited > TimeSpan.Zero);
        using var loaded = plan.CreateStore(@case.Precision);
        await LoadAsync(@case, plan, loaded, folder);
        Assert.Equal(CheckpointCase.State(reference), CheckpointCase.State(loaded));
    }

    [Cases(3, Arbitrary = [typeof(CheckpointCase.Cases)])]
    public async Task Write_DiskFails_TrainingGoesOnAndEarlierCheckpointsStay(CheckpointCase @case)
    {
        using var reference = @case.NewStore(@case.Plan());
        var expected = await @case.TrainAsync(@case.Plan(), reference, @case.Training.Steps);

        var folder = NewFolder();
        var plan = @case.Plan(variant: 1);
        using var store = @case.NewStore(plan);
        var warnings = new ConcurrentQueue<string>();
        var options = new CheckpointOptions { IsDue = step => step == @case.SavedStep, CopyBuffers = @case.CopyBuffers, Warned = warnings.Enqueue };
        await using (var writer = new CheckpointWriter(plan, store, folder, options)) await writer.WriteNowAsync();
        var target = new GatedTarget(folder, Task.CompletedTask) { FailsAtUnit = @case.Seed % store.Units.Count };
        await using (var writer = new CheckpointWriter(plan, store, target, options))
        {
            Assert.Equal(expected, await @case.TrainAsync(plan.WithCheckpoints(writer), store, @case.Training.Steps));
            await writer.FinishAsync();
            Assert.Null(writer.Last);
            var error = await Assert.ThrowsAsync<HorizonException>(writer.WriteNowAsync);
            Assert.Contains("disk full", error.Message, StringComparison.Ordinal);
        }

        Assert.Contains($"training goes on without the checkpoint of step {@case.SavedStep}", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Equal(CheckpointCase.State(reference), CheckpointCase.State(store));
        Assert.Equal([0], folder.Steps);
        Assert.Single(Directory.GetFileSystemEntries(folder.Path));
    }

    /// <summary>The disk is held at the first checkpoint until training waits for it.</summary>
    [Cases(3, Arbitrary = [typeof(CheckpointCase.Cases)])]
    public async Task Write_WhileAnotherIsBeingWritten_WaitsForIt(CheckpointCase @case)
    {
        var tested = @case with { Training = @case.Training with { Steps = 3 } };
        var folder = NewFolder();
        var plan = tested.Plan();
        using var store = tested.NewStore(plan);
        var time = new CountingTime();
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // As above.
        time.Read += count =>
        {
            if (count == 2) gate.TrySetResult();
        };
        var reports = new ConcurrentQueue<CheckpointReport>();
        await using var writer = new CheckpointWriter(plan, store, new GatedTarget(folder, gate.Task), new CheckpointOptions
        {
            IsDue = _ => true,
            CopyBuffers = 64,
            Written = reports.Enqueue,
            Time = time,
        });
        await tested.TrainAsync(plan.WithCheckpoints(writer), store, 3).WaitAsync(Bound);
        await writer.FinishAsync();
        Assert.Equal([3, 2, 1], folder.Steps);
        Assert.Equal([1, 2, 3], reports.Select(report => report.Step));
        Assert.True(reports.Sum(report => report.Waited.Ticks) > 0);
        Assert.Same(reports.Last(), await writer.WriteNowAsync());
    }

    [Cases(3, Arbitrary = [typeof(CheckpointCase.Cases)])]
    public async Task Run_AbortedWithinTheStep_LeavesNoCheckpointOfIt(CheckpointCase @case)
    {
        var folder = NewFolder();
        var plan = @case.Plan();
        using var store = @case.NewStore(plan);
        var last = Enumerable.Range(0, store.Units.Count).Count(store.IsTrainable);
        await using (var writer = new CheckpointWriter(plan, store, folder, new CheckpointOptions { IsDue = _ => true, CopyBuffers = @case.CopyBuffers }))
        {
            var seen = 0;
            var faulty = plan.WithCheckpoints(writer).At(CheckpointStages.Protect).InsertAfter("fault", gradient =>
                ++seen == last ? throw new InvalidOperationException("gone") : gradient);
            using var device = new JitterDevice(@case.Seed);
            await using var run = faulty.Start(store, device);
            await Assert.ThrowsAsync<StageException>(async () => await (await run.BeginStepAsync(@case.Steps(0, 1).Single())).Report).WaitAsync(Bound);
        }

        Assert.Empty(folder.Steps);
        Assert.True(!Directory.Exists(folder.Path) || Directory.GetFileSystemEntries(folder.Path).Length == 0);
    }

    private static async Task<TrainingCheckpoint> LoadAsync(CheckpointCase @case, TrainingPlan plan, ParameterStore store, TrainingCheckpoints folder)
    {
        // Nothing of what was there before may show through.
        foreach (var buffer in store.Units.SelectMany(unit => unit.OptimizerState.Append(unit.Weights)))
            new Random(@case.Seed).NextBytes(buffer.Span<byte>(0, (int)buffer.ByteLength));
        var contents = CheckpointContents.Of(plan.Model.Architecture, store, plan.Options.Optimizer);
        var checkpoint = await folder.LoadNewestAsync(store, contents, warning => Assert.Fail(warning));
        Assert.NotNull(checkpoint);
        return checkpoint;
    }

    // Trains a little further than the checkpoint, as a run does that is killed.
    private static async Task InterruptAsync(CheckpointCase @case, TrainingCheckpoints folder)
    {
        var plan = @case.Plan(variant: 1);
        using var store = @case.NewStore(plan);
        await using var writer = new CheckpointWriter(plan, store, folder, new CheckpointOptions { IsDue = step => step == @case.SavedStep, CopyBuffers = @case.CopyBuffers });
        await @case.TrainAsync(plan.WithCheckpoints(writer), store, Math.Min(@case.SavedStep + 1, @case.Training.Steps));
    }

    private TrainingCheckpoints NewFolder() => new(Path.Combine(_path, $"{Interlocked.Increment(ref _folders)}"));
}
