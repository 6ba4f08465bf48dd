using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Checkpointing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Training;

/// <summary>Gradients for whoever asks, and a store that does not notice.</summary>
public class GradientsTests
{
    [Cases(20, Arbitrary = [typeof(TrainingCases)])]
    public async Task Gradients_AnyShapeAndSettings_AreThoseOfTheDenseModel(TrainingCase @case)
    {
        var plan = TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options());
        using var store = NewStore(plan, @case);
        using var device = new JitterDevice(@case.Steps);
        var batches = @case.Batches().First();
        GradientResult found;
        await using (var run = plan.Start(store, device)) found = await run.GradientsAsync(batches);

        using var dense = new DenseTrainer(@case.Model.Config, @case.Model.Parameters(), new DenseOptions { MaxGradNorm = null });
        var (loss, norm) = dense.Differentiate(batches);
        Assert.Equal(loss, found.Loss, 1e-5 * loss);
        Assert.Equal(norm, found.Norm, 2e-5 * norm);
        Numbers.AssertClose(dense.Gradients, ByName(plan, found), 2e-5);
    }

    /// <summary>Between steps, behind them and twice: training has the bits that it has without.</summary>
    [Cases(10, Arbitrary = [typeof(TrainingCases)])]
    public async Task Gradients_BetweenSteps_LeaveTrainingAsItIs(TrainingCase @case, bool bf16)
    {
        var tested = @case with { Bf16 = bf16 };
        var plan = TrainingPlan.For(ModelFamilies.Define(tested.Model.Config), tested.Options());
        using var plain = NewStore(plan, tested);
        using var asked = NewStore(plan, tested);
        using var device = new JitterDevice(tested.Steps);
        var losses = new List<double>();
        await using (var run = plan.Start(plain, device))
            await foreach (var step in run.StepsAsync(Steps(tested), ahead: 1)) losses.Add(step.Loss);
        var others = new List<double>();
        await using (var run = plan.Start(asked, device))
        {
            var first = await run.GradientsAsync(Steps(tested).First());
            var again = await run.GradientsAsync(Steps(tested).First());
            Assert.Equal(first.ByUnit, again.ByUnit);
            foreach (var step in Steps(tested))
            {
                var pending = await run.BeginStepAsync(step);
                await run.GradientsAsync(step);
                others.Add((await pending.Report).Loss);
            }
        }

        Assert.Equal(losses, others);
        Assert.Equal(CheckpointCase.State(plain), CheckpointCase.State(asked));
    }

    [Fact]
    public async Task Gradients_OfFrozenUnits_AreNotThere()
    {
        var plan = SmallRun.Plan();
        var name = plan.Model.Units[0].Name;
        plan = plan.Freeze(unit => unit.Name == name);
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var found = await run.GradientsAsync(SmallRun.Batch());
        Assert.Equal(plan.Model.Units.Select(unit => unit.Name == name ? (int?)null : (int)unit.ElementCount), found.ByUnit.Select(unit => unit?.Length));
        Assert.Equal(0, store.Step);
    }

    [Fact]
    public async Task Gradients_WhereNothingGivesOrTakesThem_AreRefused()
    {
        using var device = new CpuDevice();
        var frozen = SmallRun.Plan().Freeze(_ => true);
        using var frozenStore = SmallRun.NewStore(frozen);
        await using (var run = frozen.Start(frozenStore, device))
            Assert.Contains("every unit is frozen", (await Assert.ThrowsAsync<HorizonException>(() => run.GradientsAsync(SmallRun.Batch()))).Message, StringComparison.Ordinal);
        var without = SmallRun.Plan().WithGraph(graph => graph.Drop(Stages.Collect.Name));
        using var store = SmallRun.NewStore(without);
        await using (var run = without.Start(store, device))
        {
            Assert.Contains("does not lead gradients to stage 'collect'", (await Assert.ThrowsAsync<HorizonException>(() => run.GradientsAsync(SmallRun.Batch()))).Message, StringComparison.Ordinal);
            await (await run.BeginStepAsync(SmallRun.Batch())).Report;
        }
    }

    private static ParameterStore NewStore(TrainingPlan plan, TrainingCase @case)
    {
        var store = plan.CreateStore(@case.Bf16 ? StorePrecision.Bf16 : StorePrecision.Fp32);
        StoreValues.Write(store, @case.Model.Parameters());
        return store;
    }

    private static IEnumerable<List<MicroBatch>> Steps(TrainingCase @case) => @case.Batches().Select(step => step.ToList());

    private static Dictionary<string, float[]> ByName(TrainingPlan plan, GradientResult found) => plan.Model.Units
        .SelectMany((unit, i) => unit.Parameters.Select(slot => (slot.TensorName, Values: found.ByUnit[i]![(int)slot.Offset..(int)(slot.Offset + slot.Count)])))
        .ToDictionary(pair => pair.TensorName, pair => pair.Values);
}
