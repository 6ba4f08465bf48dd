using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

/// <summary>A unit's version counts the steps it took part in; the store's step is another number.</summary>
public class ParameterStoreTests
{
    private const int Units = 4;

    /// <summary>Random steps of random units, which overlap in random ways, against a model that keeps everything.</summary>
    [Cases(200)]
    public bool Advance_AnyStepsThatLeaveUnitsOut_CountsByUnitAndByStep(int seed)
    {
        var random = new System.Random(seed);
        using var store = NewStore();
        var steps = Enumerable.Range(0, 6).Select(_ => Enumerable.Range(0, Units).Where(_ => random.Next(2) == 0).ToHashSet()).ToList();
        var numbers = steps.Select((_, i) => (2 * i) + 1L).ToList(); // numbers may be left out too
        var (begun, through) = (0, new int[Units]);
        while (true)
        {
            var ready = Enumerable.Range(0, Units).Where(unit => through[unit] < steps.Take(begun).Count(step => step.Contains(unit))).ToList();
            if (begun < steps.Count && (ready.Count == 0 || random.Next(3) == 0))
            {
                var expected = store.ExpectedVersions();
                Assert.Equal(Enumerable.Range(0, Units).Select(unit => steps.Take(begun).LongCount(step => step.Contains(unit))), expected);
                store.Begin(numbers[begun], steps[begun]);
                begun++;
            }
            else if (ready.Count > 0)
            {
                var unit = ready[random.Next(ready.Count)];
                store.Advance(unit, ++through[unit]);
            }
            else
            {
                break;
            }

            bool IsOver(int step, int unit) => !steps[step].Contains(unit) || steps.Take(step + 1).Count(one => one.Contains(unit)) <= through[unit];
            var over = Enumerable.Range(0, begun).TakeWhile(step => Enumerable.Range(0, Units).All(unit => IsOver(step, unit))).Count();
            var partial = Enumerable.Range(over, begun - over).Any(step => steps[step].Any(unit => IsOver(step, unit)));
            Assert.Equal(over == 0 ? 0 : numbers[over - 1], store.Step);
            Assert.Equal(over < begun, store.IsUnderWay);
            Assert.Equal(partial, store.Damage is not null);
            Assert.All(Enumerable.Range(0, Units), unit => Assert.Equal(through[unit], store.VersionOf(unit)));
        }

        return store.Step == numbers[^1] && store.Damage is null && !store.IsUnderWay;
    }

    /// <summary>A step that ends while somebody asks what the next one will find counts once, neither twice nor not at all: a step begun beside the last updates of the one before failed in one of some ten thousand.</summary>
    [Fact]
    public async Task ExpectedVersions_WhileUnitsAdvance_CountEveryStepBegunOnce()
    {
        using var store = NewStore();
        for (var step = 1; step <= 3000; step++)
        {
            store.Begin(step);
            var updates = Task.Run(() =>
            {
                for (var unit = 0; unit < Units; unit++) store.Advance(unit, step);
            });
            do Assert.All(store.ExpectedVersions(), version => Assert.Equal(step, version));
            while (!updates.IsCompleted);
            await updates;
        }
    }

    /// <summary>Weights that went ahead let those in who wait for them; the step is not over, nor does the version count it, before the state has followed.</summary>
    [Fact]
    public async Task AdvanceWeights_BeforeTheState_LetsInWhoWaitsForWeightsAlone()
    {
        using var store = NewStore();
        store.Begin(1);
        var (weights, behind) = (store.WaitForVersionAsync(2, 1).AsTask(), store.WaitForStateAsync(2).AsTask());
        Assert.Equal((false, true), (weights.IsCompleted, behind.IsCompleted));
        store.AdvanceWeights(2, 1);
        await weights.WaitAsync(TimeSpan.FromSeconds(30));
        var state = store.WaitForStateAsync(2).AsTask();
        Assert.Equal((false, 1, 0, 1), (state.IsCompleted, store.WeightsVersionOf(2), store.VersionOf(2), store.ExpectedVersions()[2]));
        Assert.Throws<InvalidOperationException>(() => store.AdvanceWeights(2, 2));
        store.Advance(2, 1);
        await state.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal((1, 1, 0), (store.WeightsVersionOf(2), store.VersionOf(2), store.Step));
    }

    [Fact]
    public void Damage_UnitsAtThreeOneOneFour_IsNone()
    {
        using var store = NewStore();
        foreach (var (step, units) in new (long, int[])[] { (1, [0, 1, 2, 3]), (2, [3]), (3, [0, 3]), (4, [0, 3]) })
        {
            store.Begin(step, units);
            foreach (var unit in units) store.Advance(unit, store.VersionOf(unit) + 1);
        }

        Assert.Equal([3L, 1, 1, 4], Enumerable.Range(0, Units).Select(store.VersionOf));
        Assert.Equal((4L, null), (store.Step, store.Damage));
    }

    [Fact]
    public void EndRun_StepOfWhichNoUnitWasUpdated_LeavesTheStoreWhole()
    {
        using var store = NewStore();
        store.Begin(1);
        store.EndRun();
        Assert.Equal((0L, null, false), (store.Step, store.Damage, store.IsUnderWay));
        store.Begin(1);
    }

    [Fact]
    public void EndRun_StepThatUpdatedSomeUnits_LeavesTheStoreDamagedUntilItIsReset()
    {
        using var store = NewStore();
        store.Begin(1);
        store.Advance(2, 1);
        store.EndRun();
        Assert.Equal("its units are between steps 0 and 1", store.Damage);
        store.Reset(7, [3, 1, 1, 4]);
        Assert.Equal((7L, null, 4L), (store.Step, store.Damage, store.VersionOf(3)));
    }

    [Fact]
    public void EndRun_StepThatBeganAnUpdate_LeavesTheStoreDamaged()
    {
        using var store = NewStore();
        store.Begin(1, [2]);
        store.Touch(1); // which the step does not update
        store.EndRun();
        Assert.Null(store.Damage);
        store.Begin(1, [2]);
        store.Touch(2);
        store.EndRun();
        Assert.Equal("its units are between steps 0 and 1", store.Damage);
    }

    [Fact]
    public void Advance_WithoutABegunStep_IsRefusedByName()
    {
        using var store = NewStore();
        Assert.Contains("no step that was begun updates unit 'unit 1'", Assert.Throws<InvalidOperationException>(() => store.Advance(1, 1)).Message, StringComparison.Ordinal);
        store.Begin(1, [0]);
        Assert.Throws<InvalidOperationException>(() => store.Advance(1, 1));
        Assert.Contains("step 1 cannot begin after step 1", Assert.Throws<InvalidOperationException>(() => store.Begin(1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Abandon_Store_IsRefusedForGoodAndKeepsItsMemory()
    {
        using var store = NewStore();
        store.Abandon("gone");
        store.Reset(3);
        store.Dispose();
        Assert.Equal("gone", store.Damage);
        Assert.Equal(0, store.Units[0].Weights.Span<float>(0, 1)[0]);
    }

    [Fact]
    public void Require_AnotherOptimizersState_NamesUnitAndBuffers()
    {
        using var store = NewStore();
        store.Require(OptimizerFactory.Create("lion")); // as many bytes
        var error = Assert.Throws<HorizonException>(() => store.Require(OptimizerFactory.Create("adamw")));
        Assert.Equal("the store was not made for the optimizer 'adamw': unit 'unit 0' has optimizer state of [12] bytes, but needs [exp_avg: 12, exp_avg_sq: 12]; create the store with the optimizer it is trained with", error.Message);
    }

    private static ParameterStore NewStore() => ParameterStore.Create(
        Enumerable.Range(0, Units).Select(unit => new UnitLayout($"unit {unit}", "unit", [("w", $"w{unit}", (long[])[3])])).ToList(), StorePrecision.Fp32, OptimizerFactory.Create("sgd"));
}
