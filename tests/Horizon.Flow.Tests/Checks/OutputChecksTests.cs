using FsCheck;
using Horizon.Flow.Checks;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Tests.Training;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Checks;

/// <summary>A wrong number planted in any result of any unit for any micro-batch is found there and nowhere else.</summary>
public class OutputChecksTests
{
    [Cases(30, Arbitrary = [typeof(TrainingCases)])]
    public async Task Train_AWrongNumberAnywhere_EndsTheRunNamingUnitLayerPassAndMicroBatch(TrainingCase @case, SpoiledResult result, bool infinite, PositiveInt where)
    {
        var model = ModelFamilies.Define(@case.Model.Config);
        // The embedding has no input gradient and is not recomputed; its gradient is that of the whole unit.
        var isEmbedding = where.Get % model.Hidden.Count == 0 && result is SpoiledResult.Forward or SpoiledResult.ParameterGradient;
        var layer = isEmbedding ? 0 : 1 + (where.Get % (model.Hidden.Count - 1));
        var microBatch = where.Get % @case.MicroBatches;
        var spoiled = new SpoilingTemplate(model.Hidden[layer].Template, result, microBatch, infinite ? float.NegativeInfinity : float.NaN);
        model = model with { Hidden = [.. model.Hidden.Select((binding, i) => i == layer ? binding with { Template = spoiled } : binding)] };

        // A layer whose tape is kept has no forward but the recorded one.
        var tested = result == SpoiledResult.Forward ? @case with { Capacities = @case.Capacities with { Policies = 0 } } : @case;
        var fault = await Assert.ThrowsAsync<StageException>(() => TrainAsync(tested, model.WithCheckedOutputs()));
        var message = Assert.IsType<HorizonException>(fault.InnerException).Message;
        var unit = model.Units[model.Hidden[layer].Unit];
        var pass = result switch { SpoiledResult.Forward => "forward", SpoiledResult.Recompute => "recorded forward", _ => "backward" };
        Assert.Contains($" in the {pass} pass of unit '{unit.Name}' (layer {layer}), micro-batch {microBatch + 1}", message, StringComparison.Ordinal);
        Assert.StartsWith(
            result switch
            {
                SpoiledResult.InputGradient => "the gradient of the input is not finite",
                SpoiledResult.ParameterGradient => $"the gradient of {unit.Parameters[^1].TensorName} is not finite",
                _ => "the output is not finite (1 of ",
            },
            message,
            StringComparison.Ordinal);
        Assert.Equal(pass is not "backward", message.EndsWith("; its weights are finite", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Train_ALossThatIsNotFinite_EndsTheRunNamingTheHead()
    {
        var @case = Small with { MicroBatches = 2 };
        var model = ModelFamilies.Define(@case.Model.Config);
        model = model with { Head = model.Head with { Template = new SpoiledHead(model.Head.Template, 1, double.NaN) } };
        var fault = await Assert.ThrowsAsync<StageException>(() => TrainAsync(@case, model.WithCheckedOutputs()));
        Assert.Contains("the loss is not finite (1 of 1 numbers) in the head pass of unit", fault.Message, StringComparison.Ordinal);
        Assert.Contains("micro-batch 2; its weights are finite", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_WeightsThatAreNotFinite_AreNamed()
    {
        var model = ModelFamilies.Define(Small.Model.Config);
        var bad = model.Units[1].Parameters[^1];
        var fault = await Assert.ThrowsAsync<StageException>(() => TrainAsync(
            Small, model.WithCheckedOutputs(), store => store.Units[1].Weights.Span<float>(bad.Offset, 1)[0] = float.NaN));
        Assert.Contains($"nor is its weight {bad.TensorName}, which an earlier step spoiled", fault.Message, StringComparison.Ordinal);
    }

    /// <summary>A head's own log-probabilities are asked for through the check too.</summary>
    [Fact]
    public async Task LogProbabilities_OfAHeadWithItsOwn_AreThatHeads()
    {
        var model = ModelFamilies.Define(Small.Model.Config);
        model = (model with { Head = model.Head with { Template = new ConstantHead(model.Head.Template) } }).WithCheckedOutputs();
        var plan = TrainingPlan.For(model, Small.Options());
        using var store = Small.CreateStore(plan);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        Assert.All((await run.LogProbabilitiesAsync([Small.Model.Batch(0)]))[0].Numbers, number => Assert.Equal(-7, number));
    }

    [Cases(10, Arbitrary = [typeof(TrainingCases)])]
    public async Task<bool> Train_Checked_IsBitwiseEqual(TrainingCase @case, bool bf16)
    {
        var tested = @case with { Bf16 = bf16 };
        return (await tested.TrainAsync()).IsBitwise(await tested.TrainAsync(model: model => model.WithCheckedOutputs()));
    }

    /// <summary>No default of an interface stands where a model is looked at: what a template says of itself, it still says.</summary>
    [Fact]
    public void WithCheckedOutputs_EveryMember_IsPassedOn()
    {
        var model = ModelFamilies.Define(Small.Model.Config).WithCheckedOutputs();
        Assert.All(
            [(model.Hidden[1].Template.GetType(), typeof(IUnitTemplate)), (model.Head.Template.GetType(), typeof(IHeadTemplate)), (typeof(DeviceWrapper), typeof(IComputeDevice))],
            pair => Assert.All(pair.Item1.GetInterfaceMap(pair.Item2).TargetMethods, method => Assert.Equal(pair.Item1, method.DeclaringType)));
    }

    private static TrainingCase Small { get; } = new(
        new ModelCase(2, 1, 2, 4, 8, 12, 11, true, false, false, false, false, null, RopeKind.Default, null, 2, 5, false, 3),
        1, 1, true, 1, false, new Capacities(2, 2, 2, 2, 2, 2));

    private static async Task TrainAsync(TrainingCase @case, ModelDefinition model, Action<ParameterStore>? spoil = null)
    {
        var plan = TrainingPlan.For(model, @case.Options());
        using var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, @case.Model.Parameters());
        spoil?.Invoke(store);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        await foreach (var _ in run.StepsAsync(@case.Batches(), ahead: 1))
        {
        }
    }

    private sealed class ConstantHead(IHeadTemplate inner) : IHeadTemplate
    {
        public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale) =>
            inner.Differentiate(parameters, gradients, hidden, batch, lossScale);

        public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => inner.LossSum(parameters, hidden, batch);

        public Tensor Logits(ParameterViews parameters, Tensor hidden) => inner.Logits(parameters, hidden);

        public Tensor LogProbabilities(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => tensor(Enumerable.Repeat(-7f, (int)batch.LabelledTokens.shape[0]).ToArray());

        public long WorkingBytes(UnitLayout unit, BatchShape batch) => inner.WorkingBytes(unit, batch);
    }
}
