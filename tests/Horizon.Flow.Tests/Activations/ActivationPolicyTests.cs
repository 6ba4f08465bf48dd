using FsCheck;
using Horizon.Flow.Activations;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Resources;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Activations;

/// <summary>What becomes of activations changes time and memory, never a bit.</summary>
public class ActivationPolicyTests
{
    /// <summary>The second run's copies land late, and buffers are NaN until they do; some units are frozen.</summary>
    [Cases(40, Arbitrary = [typeof(TrainingCases)])]
    public async Task<bool> Train_AnyAssignmentOfPolicies_IsBitwiseRecomputingAll(TrainingCase @case, bool bf16, PositiveInt seed)
    {
        var tested = @case with { Bf16 = bf16 };
        var frozen = new Random(seed.Get).Next(4) == 0 ? seed.Get % (tested.Model.Layers + 1) : -1;
        TrainingPlan Freeze(TrainingPlan plan) => plan.Freeze(unit => unit == plan.Model.Units[^1] ? false : unit.Name == $"layer {frozen}" || unit.Kind.StartsWith("embedding", StringComparison.Ordinal) && frozen >= 0);
        var plain = await tested.TrainAsync(tested.Capacities with { Policies = 0 }, Freeze);
        var other = await tested.TrainAsync(Capacities.Chosen(seed.Get), Freeze, recomputeInterval: 1 + (seed.Get % 3), device: () => new JitterDevice(seed.Get));
        return plain.IsBitwise(other);
    }

    [Cases(20, Arbitrary = [typeof(TrainingCases)])]
    public async Task Visits_OfKeptLayers_RunForwardOnceAndOthersTwice(TrainingCase @case)
    {
        var model = ModelFamilies.Define(@case.Model.Config);
        var counting = new Dictionary<int, int>();
        model = model with { Hidden = [.. model.Hidden.Select((binding, i) => binding with { Template = new Counting(binding.Template, () => counting[i] = counting.GetValueOrDefault(i) + 1) })] };
        var plan = TrainingPlan.For(model, @case.Options());
        using var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, @case.Model.Parameters());
        using var device = new CpuDevice();
        await using (var run = plan.Start(store, device))
            await (await run.BeginStepAsync([.. @case.Batches().First()])).Report;
        for (var layer = 1; layer < model.Hidden.Count; layer++)
            Assert.Equal(@case.MicroBatches * (@case.Capacities.PolicyOf(layer) is ActivationPolicy.Keep or ActivationPolicy.KeepNarrow ? 1 : 2), counting[layer]);
    }

    /// <summary>Tapes that refer to their weights, with policies drawn by layer: buffers are poisoned as soon as they are lent to another unit.</summary>
    [Cases(15, Arbitrary = [typeof(TrainingCases)])]
    public async Task<bool> Train_LayersDerivedByAutograd_AreBitwiseWhateverIsKept(TrainingCase @case, bool bf16, PositiveInt seed)
    {
        var tested = @case with { Bf16 = bf16 };
        ModelDefinition ByAutograd(ModelDefinition model)
        {
            var config = @case.Model.Config;
            return model with
            {
                Hidden = [.. model.Hidden.Select((binding, layer) => binding.Template.IsEmbedding ? binding : binding with
                {
                    Template = new AutogradDecoderLayerTemplate(config, new RotaryEmbedding(config.Rope, config.HeadDimension), null),
                })],
            };
        }

        var recomputed = await tested.TrainAsync(tested.Capacities with { Policies = 0 }, model: ByAutograd);
        var kept = await tested.TrainAsync(tested.Capacities with { Policies = 0b01_01_01_01 }, model: ByAutograd, device: () => new JitterDevice(seed.Get));
        var mixed = await tested.TrainAsync(Capacities.Chosen(seed.Get), model: ByAutograd, device: () => new JitterDevice(seed.Get));
        return recomputed.IsBitwise(kept) && recomputed.IsBitwise(mixed);
    }

    /// <summary>The pools of inputs are there only where some are offloaded, and the drawing shows them.</summary>
    [Theory]
    [InlineData(ActivationPolicy.Recompute, false)]
    [InlineData(ActivationPolicy.Keep, false)]
    [InlineData(ActivationPolicy.KeepNarrow, false)]
    [InlineData(ActivationPolicy.Offload, true)]
    public void Graph_HasThePoolsOfInputsOnlyWhereTheyMove(ActivationPolicy policy, bool expected)
    {
        var plan = TrainingPlan.For(ModelFamilies.Define(Model.Config), new TrainingOptions { Activations = _ => policy });
        Assert.Empty(plan.Validate());
        var drawing = plan.Draw().ToMermaid();
        Assert.Equal(expected, drawing.Contains(PoolNames.OffloadedInputs, StringComparison.Ordinal));
        Assert.Equal(expected, drawing.Contains(PoolNames.ReturnedInputs, StringComparison.Ordinal));
    }

    [Fact]
    public void DeviceBuffer_OfATensor_IsItsMemoryAndLeavesItToTheCaller()
    {
        using var x = TensorArithmetic.Range(6).to(float32).view(2, 3);
        var buffer = DeviceBuffer.Of(x);
        Assert.Equal((6, 24, ElementType.Float32), (buffer.ElementCount, buffer.ByteLength, buffer.ElementType));
        using var device = new CpuDevice();
        using var host = new HostBuffer(24);
        device.Download(buffer, 24, host, Fence.Completed);
        buffer.Dispose();
        Assert.Equal(x.data<float>().ToArray(), host.Span<float>(0, 6).ToArray());
        Assert.Throws<ArgumentException>(() => DeviceBuffer.Of(x.t()));
    }

    private static ModelCase Model { get; } = new(2, 1, 2, 4, 8, 12, 11, true, false, false, false, false, null, RopeKind.Default, null, 2, 5, false, 3);

    // A forward that keeps a tape and one that does not are both one pass through the operators.
    private sealed class Counting(IUnitTemplate inner, Action ran) : IUnitTemplate
    {
        public bool BackwardNeedsWeights => inner.BackwardNeedsWeights;

        public bool IsEmbedding => inner.IsEmbedding;

        public bool CanBindTapes => inner.CanBindTapes;

        public Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch)
        {
            ran();
            return inner.Forward(parameters, input, batch);
        }

        public IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch)
        {
            ran();
            return inner.Recompute(parameters, input, batch);
        }
    }
}
