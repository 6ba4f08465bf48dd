using FsCheck;
using Horizon.Flow.Checkpointing;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Resources;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Tests.Training;

namespace Horizon.Flow.Tests.Checkpointing;

/// <summary>State of the user's own by unit: here a running average of the weights, kept by a stage after the update.</summary>
public sealed class UnitStateTests : IDisposable
{
    private const string Average = "average";

    private readonly string _path = Directory.CreateTempSubdirectory("horizon-unit-state-").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    /// <summary>Training goes on while the checkpoint is written: it holds the state of its step all the same.</summary>
    [Cases(8, Arbitrary = [typeof(TrainingCases)])]
    public async Task Resume_WithStateOfOnesOwn_IsBitwiseAsUninterrupted(TrainingCase @case, bool bf16, PositiveInt seed)
    {
        var tested = @case with { Bf16 = bf16, Steps = 4 };
        var plan = Averaged(TrainingPlan.For(ModelFamilies.Define(tested.Model.Config), tested.Options()));
        using var whole = NewStore(plan, tested);
        await TrainAsync(plan, whole, tested, seed.Get);

        var folder = new TrainingCheckpoints(Path.Combine(_path, $"{Guid.NewGuid()}"));
        using (var interrupted = NewStore(plan, tested))
        {
            await using var writer = new CheckpointWriter(plan, interrupted, folder, new CheckpointOptions { IsDue = step => step == 2, CopyBuffers = seed.Get % 3 });
            await TrainAsync(plan.WithCheckpoints(writer), interrupted, tested with { Steps = 3 }, seed.Get);
            await writer.FinishAsync();
        }

        using var resumed = plan.CreateStore(whole.Precision);
        await folder.Open(2).LoadAsync(resumed, CheckpointContents.Of(plan.Model.Architecture, resumed, plan.Options.Optimizer));
        Assert.Equal(2, resumed.Step);
        await TrainAsync(plan, resumed, tested, seed.Get + 1);
        Assert.Equal(State(whole), State(resumed));
        Assert.All(whole.Units, unit => Assert.True(unit.Own[Average].Span<byte>(0, (int)unit.Own[Average].ByteLength).IndexOfAnyExcept((byte)0) >= 0));
    }

    /// <summary>The way to add such a state to a run that has begun.</summary>
    [Fact]
    public async Task Load_ACheckpointOfBefore_IsRefusedByNameAndTakenOverByFor()
    {
        var (plan, folder) = (SmallRun.Plan(), new TrainingCheckpoints(_path));
        using (var store = SmallRun.NewStore(plan))
        {
            await TrainAsync(plan, store, SmallRun.Case with { Steps = 1 }, seed: 1);
            await using var writer = new CheckpointWriter(plan, store, folder, new CheckpointOptions());
            await writer.WriteNowAsync();
        }

        var averaged = Averaged(plan);
        using (var store = averaged.CreateStore(StorePrecision.Fp32))
        {
            var error = await Assert.ThrowsAsync<HorizonException>(() => LoadAsync(averaged, store, folder));
            Assert.Contains("own.average", error.Message, StringComparison.Ordinal);
        }

        var old = plan.CreateStore(StorePrecision.Fp32);
        await LoadAsync(plan, old, folder);
        using var device = new CpuDevice();
        Assert.Contains("0 bytes of 'average' in the store", Assert.Throws<HorizonException>(() => averaged.Start(old, device)).Message, StringComparison.Ordinal);
        using var next = old.For(averaged);
        await TrainAsync(averaged, next, SmallRun.Case with { Steps = 2 }, seed: 2);
        Assert.Equal(2, next.Step);
    }

    [Fact]
    public void Budget_OfAPlanWithStateOfOnesOwn_CountsItInStoreAndCopies()
    {
        var (plain, plan) = (SmallRun.Plan(), Averaged(SmallRun.Plan()));
        using var store = plan.CreateStore(StorePrecision.Fp32);
        var bytes = store.Units.Sum(unit => unit.Own[Average].ByteLength);
        Assert.Equal(4 * plan.Model.ParameterCount, bytes);
        Assert.Equal(bytes, MemoryBudget.Of(plan, StorePrecision.Fp32).HostBytes - MemoryBudget.Of(plain, StorePrecision.Fp32).HostBytes);
        Assert.Equal(
            2 * 4 * plan.Model.Units.Max(unit => unit.ElementCount),
            CheckpointWriter.DescribeMemory(plan, StorePrecision.Fp32, 2).Bytes - CheckpointWriter.DescribeMemory(plain, StorePrecision.Fp32, 2).Bytes);
    }

    [Fact]
    public void Validate_OneNameTwiceOrLessThanNothing_IsFound()
    {
        var problems = SmallRun.Plan().WithUnitState("a", _ => 1).WithUnitState("a", _ => 2).WithUnitState("b", _ => -1).Validate();
        Assert.Equal(["unit state 'a'", "unit state 'b'"], problems.Select(problem => problem.Where));
    }

    private static TrainingPlan Averaged(TrainingPlan plan) => plan
        .WithUnitState(Average, unit => unit.ElementCount * sizeof(float))
        .At(Stages.Update).InsertAfter("average", (run, updated) =>
        {
            var unit = run.Store.Units[updated.Visit.Unit];
            run.Workers.Sweep(unit.Layout.ElementCount, (_, first, count) =>
            {
                var masters = new float[count];
                unit.ReadMasters(first, masters);
                var average = unit.Own[Average].Span<float>(first, count);
                for (var i = 0; i < count; i++) average[i] = (0.5f * average[i]) + (0.5f * masters[i]);
            });
            return updated;
        });

    private static ParameterStore NewStore(TrainingPlan plan, TrainingCase @case)
    {
        var store = plan.CreateStore(@case.Bf16 ? StorePrecision.Bf16 : StorePrecision.Fp32);
        StoreValues.Write(store, @case.Model.Parameters());
        return store;
    }

    private static async Task TrainAsync(TrainingPlan plan, ParameterStore store, TrainingCase @case, int seed)
    {
        using var device = new JitterDevice(seed);
        await using var run = plan.Start(store, device);
        await foreach (var _ in run.StepsAsync(@case.Batches().Skip((int)store.Step).Select(step => step.ToList()), ahead: 1))
        {
        }
    }

    private static Task LoadAsync(TrainingPlan plan, ParameterStore store, TrainingCheckpoints folder) =>
        folder.Open(1).LoadAsync(store, CheckpointContents.Of(plan.Model.Architecture, store, plan.Options.Optimizer));

    private static IReadOnlyList<byte[]> State(ParameterStore store) =>
        [.. CheckpointCase.State(store), .. store.Units.Select(unit => unit.Own[Average].Span<byte>(0, (int)unit.Own[Average].ByteLength).ToArray())];
}
