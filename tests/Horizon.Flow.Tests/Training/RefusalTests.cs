using Horizon.Flow.Blocks;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Training;

/// <summary>What would train wrongly in silence is refused in a sentence, before it has touched anything.</summary>
public class RefusalTests
{
    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(-1e-3)]
    public async Task BeginStep_LearningRateThatIsNone_IsRefusedAndTheRunGoesOn(double rate)
    {
        var asked = 0;
        var plan = SmallRun.Plan(options => options with { LearningRate = _ => asked++ == 0 ? rate : 1e-3 });
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var error = await Assert.ThrowsAsync<HorizonException>(() => run.BeginStepAsync(SmallRun.Batch()));
        Assert.Contains(FormattableString.Invariant($"the learning rate of step 1 is {rate}; it must be finite and 0 or more"), error.Message, StringComparison.Ordinal);
        Assert.Equal(1, (await (await run.BeginStepAsync(SmallRun.Batch())).Report).Step);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1_000_000)]
    public async Task BeginStep_PositionBeyondTheModel_IsRefused(long position)
    {
        var batch = SmallRun.Batch()[0];
        batch.Positions[^1] = position;
        var plan = SmallRun.Plan();
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var error = await Assert.ThrowsAsync<HorizonException>(() => run.BeginStepAsync([batch]));
        Assert.Contains($"position {position} is beyond the model's {plan.Model.MaximumSequenceLength} positions", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<HorizonException>(() => run.EvaluateAsync([batch]));
    }

    [Theory]
    [InlineData("adamw")]
    [InlineData("muon")]
    public async Task Start_AStoreMadeForAnotherOptimizer_IsRefusedAndNotDamaged(string optimizer)
    {
        var made = SmallRun.Plan(options => options with { Optimizer = OptimizerFactory.Create("sgd", new OptimizerOptions { Momentum = 0 }) });
        using var store = SmallRun.NewStore(made);
        using var device = new CpuDevice();
        var plan = SmallRun.Plan(options => options with { Optimizer = UpdateRules.Create(optimizer) });
        var error = Assert.Throws<HorizonException>(() => plan.Start(store, device));
        Assert.Contains($"the store was not made for the optimizer '{optimizer}'", error.Message, StringComparison.Ordinal);
        Assert.Null(store.Damage);
        await using var run = made.Start(store, device);
        await (await run.BeginStepAsync(SmallRun.Batch())).Report;
    }

    /// <summary>The gradient buffer would still hold another unit's gradient.</summary>
    [Fact]
    public async Task Train_AHeadThatWritesNoGradient_IsAFaultThatNamesItAndTheParameter()
    {
        var model = SmallRun.Model;
        var plan = TrainingPlan.For(model with { Head = model.Head with { Template = new SilentHead(model.Head.Template) } }, SmallRun.Case.Options());
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var fault = await Assert.ThrowsAsync<StageException>(async () => await (await run.BeginStepAsync(SmallRun.Batch())).Report);
        Assert.Equal("head", fault.Stage);
        Assert.Contains("SilentHead wrote no gradient of '", fault.InnerException!.Message, StringComparison.Ordinal);
    }

    /// <summary>Everything but the parameters' gradients.</summary>
    private sealed class SilentHead(IHeadTemplate inner) : IHeadTemplate
    {
        public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale) =>
            inner.Differentiate(parameters, null, hidden, batch, lossScale);

        public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => inner.LossSum(parameters, hidden, batch);

        public Tensor Logits(ParameterViews parameters, Tensor hidden) => inner.Logits(parameters, hidden);

        public long WorkingBytes(UnitLayout unit, BatchShape batch) => inner.WorkingBytes(unit, batch);
    }
}
