using FsCheck;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Training;

/// <summary>A gradient that is not finite, in any unit, micro-batch and element, costs its step and nothing else.</summary>
public class SkippedStepTests
{
    [Cases(15, Arbitrary = [typeof(TrainingCases)])]
    public async Task Train_ANonFiniteGradientAnywhere_SkipsCountsReportsAndLeavesTheStoreAlone(TrainingCase @case, bool bf16, bool infinite, PositiveInt where)
    {
        var tested = @case with { Clip = true, Steps = 2, Bf16 = bf16 };
        var bad = infinite ? float.PositiveInfinity : float.NaN;
        var model = ModelFamilies.Define(tested.Model.Config);
        var (unit, microBatch) = (where.Get % model.Units.Count, where.Get % tested.MicroBatches);
        var plan = TrainingPlan.For(model, tested.Options())
            .At(Stages.Download).InsertAfter("poison", gradient =>
            {
                var visit = gradient.Visit;
                if (visit.Step.Number != 1 || visit.Unit != unit || visit.MicroBatch != microBatch) return gradient;
                gradient.View.Write(where.Get % gradient.View.Count, [bad]);
                return gradient;
            });
        using var store = plan.CreateStore(bf16 ? StorePrecision.Bf16 : StorePrecision.Fp32);
        StoreValues.Write(store, tested.Model.Parameters());
        var before = Bytes(store);
        using var device = new JitterDevice(where.Get);
        await using var run = plan.Start(store, device);
        var batches = tested.Batches().ToList();

        var first = await (await run.BeginStepAsync(batches[0])).Report;
        Assert.True(first.Skipped);
        Assert.False(double.IsFinite(first.GradientNorm));
        Assert.EndsWith($"first in unit '{model.Units[unit].Name}' in micro-batch {microBatch + 1} of {tested.MicroBatches}", first.SkipReason, StringComparison.Ordinal);
        Assert.Equal((1, 0, 1), (store.Step, store.Units.Max(unit => unit.Updates), run.SkippedSteps));
        Assert.Equal(before, Bytes(store));

        var second = await (await run.BeginStepAsync(batches[1])).Report;
        Assert.False(second.Skipped);
        Assert.Null(second.SkipReason);
        Assert.Equal((2, 1, 1), (store.Step, store.Units.Max(unit => unit.Updates), run.SkippedSteps));
    }

    [Cases(15, Arbitrary = [typeof(TrainingCases)])]
    public async Task Train_ALossThatIsNotFinite_SkipsTheStepBeforeAnyUpdateAndNamesTheMicroBatch(TrainingCase @case, bool infinite, PositiveInt where)
    {
        var tested = @case with { Steps = 2 };
        var bad = infinite ? double.PositiveInfinity : double.NaN;
        var microBatch = where.Get % tested.MicroBatches;
        var model = ModelFamilies.Define(tested.Model.Config);
        model = model with { Head = model.Head with { Template = new SpoiledHead(model.Head.Template, microBatch, bad) } };
        var plan = TrainingPlan.For(model, tested.Options());
        using var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, tested.Model.Parameters());
        var before = Bytes(store);
        using var device = new JitterDevice(where.Get);
        await using var run = plan.Start(store, device);
        var batches = tested.Batches().ToList();

        var first = await (await run.BeginStepAsync(batches[0])).Report;
        Assert.Equal($"the loss of micro-batch {microBatch + 1} of {tested.MicroBatches} is {bad}", first.SkipReason);
        Assert.Equal((1, 0, 1), (store.Step, store.Units.Max(unit => unit.Updates), run.SkippedSteps));
        Assert.Equal(before, Bytes(store));
        Assert.False((await (await run.BeginStepAsync(batches[1])).Report).Skipped);
    }

    private static List<byte[]> Bytes(ParameterStore store) =>
        [.. store.Units.SelectMany(unit => unit.OptimizerState.Append(unit.Weights).Append(unit.Difference)).OfType<HostBuffer>()
            .Select(buffer => buffer.Span<byte>(0, (int)buffer.ByteLength).ToArray())];
}
