using FsCheck;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Training;

/// <summary>Bias corrections count a unit's own updates, whatever the store's step and whatever other units have had.</summary>
public class UnitUpdatesTests
{
    /// <summary>Each unit moves as it does where all units have had as many updates as it has: with other counts only the optimizer differs.</summary>
    [Cases(10)]
    public async Task Train_UnitsThatHadDifferentlyManyUpdates_EachCountsItsOwn(PositiveInt seed, bool clip)
    {
        var random = new System.Random(seed.Get);
        var plan = SmallRun.Plan(options => options with { MaxGradientNorm = clip ? 0.5 : null });
        var counts = plan.Model.Units.Select(_ => (long)random.Next(0, 5)).ToList();
        var mixed = await TrainAsync(plan, counts, step: 5_000);
        for (var unit = 0; unit < counts.Count; unit++)
        {
            var same = await TrainAsync(plan, [.. counts.Select(_ => counts[unit])], step: counts[unit]);
            Assert.Equal(same[unit], mixed[unit]);
        }
    }

    [Fact]
    public async Task Train_AStoreWhoseUnitsStandAtThreeOneOneFour_IsNotDamagedAndGoesOn()
    {
        var plan = TrainingPlan.For(ModelFamilies.Define((SmallRun.Case.Model with { Layers = 3 }).Config), SmallRun.Case.Options());
        using var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, (SmallRun.Case.Model with { Layers = 3 }).Parameters());
        long[] versions = [3, 1, 1, 4];
        store.Reset(6, [.. store.Units.Select((_, i) => versions[i % 4])]);
        using var device = new JitterDevice(3);
        await using var run = plan.Start(store, device);
        foreach (var step in (int[])[0, 1]) await (await run.BeginStepAsync(SmallRun.Batch(step))).Report;
        Assert.Equal((8L, null), (store.Step, store.Damage));
        Assert.Equal(store.Units.Select((_, i) => versions[i % 4] + 2), store.Units.Select((_, i) => store.VersionOf(i)));
        Assert.All(store.Units, unit => Assert.Equal(2, unit.Updates));
    }

    private static async Task<List<float[]>> TrainAsync(TrainingPlan plan, IReadOnlyList<long> counts, long step)
    {
        using var store = SmallRun.NewStore(plan);
        store.Reset(step, counts);
        for (var unit = 0; unit < counts.Count; unit++) store.Units[unit].Updates = counts[unit];
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var report = await (await run.BeginStepAsync(SmallRun.Batch())).Report;
        Assert.Equal(step + 1, report.Step);
        Assert.Equal(counts.Select(count => count + 1), store.Units.Select(unit => unit.Updates));
        return [.. store.Units.Select(unit => unit.Weights.Span<float>(0, (int)unit.Layout.ElementCount).ToArray())];
    }
}
