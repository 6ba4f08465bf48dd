using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Fp8;
using Horizon.Flow.Testing;
using Horizon.Flow.Units;
using TorchSharp;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests.Fp8;

/// <summary>A small model whose layers multiply in fp8, on the CPU.</summary>
public class Fp8LayerTests
{
    private static readonly ModelCase Case = new(
        Layers: 2, KeyValueHeads: 2, Groups: 2, HeadWidth: 32, Hidden: 128, Intermediate: 256, Vocabulary: 41, Tied: false,
        QueryKeyValueBias: true, OutputBias: true, FeedForwardBias: true, QueryKeyNorm: true, Window: 9, Rope: RopeKind.Llama3,
        PaddingToken: null, Rows: 3, Sequence: 21, Packed: true, Seed: 5);

    /// <summary>Against the same parameters in fp32: the loss by a hundredth at most, gradients by what two operands of three or two bits of fraction leave.</summary>
    [Theory]
    [InlineData(Fp8Scaling.Tensor, Fp8Format.E5M2)]
    [InlineData(Fp8Scaling.Tensor, Fp8Format.E4M3)]
    [InlineData(Fp8Scaling.Row, Fp8Format.E5M2)]
    [InlineData(Fp8Scaling.Row, Fp8Format.E4M3)]
    [InlineData(Fp8Scaling.Block, Fp8Format.E5M2)]
    [InlineData(Fp8Scaling.Block, Fp8Format.E4M3)]
    public void Differentiate_InFp8_NearToFp32(Fp8Scaling scaling, Fp8Format gradients)
    {
        var definition = ModelFamilies.Define(Case.Config);
        var (exactLoss, exact) = Differentiate(definition, ScalarType.Float32);
        var (bf16Loss, bf16) = Differentiate(definition, ScalarType.BFloat16);
        var (loss, found) = Differentiate(definition.WithFp8(new Fp8Options { Scaling = scaling, Gradients = gradients }), ScalarType.BFloat16);
        Assert.Equal(exactLoss, loss, 0.01 * exactLoss);
        Assert.NotEqual(bf16Loss, loss);
        var error = Numbers.RelativeError(Flatten(exact), Flatten(found));
        Assert.True(error < 0.25, $"{error}");
        Assert.True(error > Numbers.RelativeError(Flatten(exact), Flatten(bf16)));
        // A gradient that is written in the wrong place, or from the wrong operand, has nothing to do with the right one.
        Assert.All(exact, entry => Assert.True(Numbers.RelativeError(entry.Value, found[entry.Key]) < 0.4, entry.Key));
    }

    [Fact]
    public void Differentiate_LayersThatStay_AreThoseOfBf16()
    {
        var definition = ModelFamilies.Define(Case.Config);
        var none = definition.WithFp8(new Fp8Options(), except: name => name.StartsWith("layer", StringComparison.Ordinal));
        var (expected, found) = (Differentiate(definition, ScalarType.BFloat16), Differentiate(none, ScalarType.BFloat16));
        Assert.Equal(expected.LossSum, found.LossSum);
        Assert.Equal(Flatten(expected.Gradients), Flatten(found.Gradients));
        var one = definition.WithFp8(new Fp8Options(), except: name => name == "layer 1");
        Assert.Same(definition.Hidden[2].Template, one.Hidden[2].Template);
        Assert.NotSame(definition.Hidden[1].Template, one.Hidden[1].Template);
    }

    /// <summary>A tape for backward alone, as one that is computed again, one whose output was asked for, and one that was kept, its output taken and its weights bound anew.</summary>
    [Theory]
    [InlineData(Fp8Scaling.Tensor, false, true)]
    [InlineData(Fp8Scaling.Tensor, true, true)]
    [InlineData(Fp8Scaling.Tensor, false, false)]
    [InlineData(Fp8Scaling.Row, true, true)]
    [InlineData(Fp8Scaling.Block, false, true)]
    public void Backward_OfAKeptTape_HasTheSameBits(Fp8Scaling scaling, bool bias, bool fp8Tapes)
    {
        using var scope = NewDisposeScope();
        var definition = ModelFamilies.Define((Case with { FeedForwardBias = bias }).Config).WithFp8(new Fp8Options { Scaling = scaling, Fp8Tapes = fp8Tapes });
        var (unit, template) = definition.Hidden[1];
        var layout = definition.Units[unit];
        using var batch = UnitWalk.Batch(Case.Batch());
        var values = Case.Parameters();
        using var parameters = new ParameterViews(cat([.. layout.Parameters.Select(slot => tensor(values[slot.TensorName]))]).bfloat16(), layout);
        using var copy = new ParameterViews(parameters.Flat.clone(), layout);
        var (input, gradient) = (randn([3, 21, 128], bfloat16), randn([3, 21, 128], bfloat16));

        (Tensor? Output, Tensor Gradient, Tensor? Parameters) Run(bool asks, bool takes, bool frozen = false)
        {
            var flat = empty_like(parameters.Flat).FillInPlace(double.NaN);
            using var views = new ParameterViews(flat, layout);
            using var tape = template.Recompute(parameters, input, batch);
            var output = takes ? tape.TakeOutput() : asks ? tape.Output.clone() : null;
            if (takes) tape.Bind(copy);
            return (output, tape.Backward(gradient, frozen ? null : views)!, frozen ? null : flat);
        }

        var expected = Run(asks: false, takes: false);
        Assert.False(expected.Parameters!.isnan().any().item<bool>());
        foreach (var found in new[] { Run(asks: true, takes: false), Run(asks: true, takes: true), Run(asks: true, takes: true, frozen: true) })
        {
            Assert.True(Same(found.Gradient, expected.Gradient));
            Assert.True(found.Parameters is null || Same(found.Parameters, expected.Parameters));
            Assert.True(Same(template.Forward(parameters, input, batch), found.Output!));
        }
    }

    /// <summary>Gate and up held in fp8 change gradients by their rounding, and the output not at all.</summary>
    [Fact]
    public void Differentiate_Fp8Tapes_ChangeGradientsByTheirRounding()
    {
        var definition = ModelFamilies.Define(Case.Config);
        var (_, exact) = Differentiate(definition, ScalarType.Float32);
        var (loss, plain) = Differentiate(definition.WithFp8(new Fp8Options()), ScalarType.BFloat16);
        var (heldLoss, held) = Differentiate(definition.WithFp8(new Fp8Options { Fp8Tapes = true }), ScalarType.BFloat16);
        Assert.Equal(loss, heldLoss);
        Assert.InRange(Numbers.RelativeError(Flatten(plain), Flatten(held)), 1e-3, 0.15);
        Assert.True(Numbers.RelativeError(Flatten(exact), Flatten(held)) < 1.2 * Numbers.RelativeError(Flatten(exact), Flatten(plain)));
    }

    [Fact]
    public void Passes_Repeated_KeepNoTensor()
    {
        var definition = ModelFamilies.Define(Case.Config).WithFp8(new Fp8Options());
        using var batch = UnitWalk.Batch(Case.Batch());
        var parameters = Case.Parameters();
        var counts = new List<long>();
        for (var pass = 0; pass < 5; pass++)
        {
            using (var walk = new UnitWalk(definition, parameters, ScalarType.BFloat16)) walk.Differentiate(batch, 0.1);
            counts.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        }

        Assert.All(counts.Skip(1), count => Assert.Equal(counts[1], count));
    }

    [Fact]
    public void WithFp8_ModelsThatHaveNone_AreRefusedByName()
    {
        static string Refusal(Action act) => Assert.Throws<HorizonException>(act).Message;
        var narrow = ModelFamilies.Define(Case.Config with { HiddenSize = 120 });
        Assert.Contains("its hidden size of 120 is not a multiple of 16; train it in bf16", Refusal(() => narrow.WithFp8(new Fp8Options())), StringComparison.Ordinal);
        var uneven = ModelFamilies.Define(Case.Config with { IntermediateSize = 272 });
        Assert.Contains("its intermediate size of 272 is not a multiple of 128, a block that shares a scale; train it in bf16, or with scales by tensor or row",
            Refusal(() => uneven.WithFp8(new Fp8Options { Scaling = Fp8Scaling.Block })), StringComparison.Ordinal);
        var adapted = ModelFamilies.Define(Case.Config with { Adapter = new(2, 4, ["q_proj"]) });
        Assert.Contains("adapters are not trained on products in fp8", Refusal(() => adapted.WithFp8(new Fp8Options())), StringComparison.Ordinal);
        var definition = ModelFamilies.Define(Case.Config);
        var other = definition with { Hidden = [definition.Hidden[0], definition.Hidden[1] with { Template = new AutogradDecoderLayerTemplate(Case.Config, new RotaryEmbedding(Case.Config.Rope, 32), null) }] };
        Assert.Contains("the layers of LlamaForCausalLM have no products in fp8, which only those of the Llama kind have", Refusal(() => other.WithFp8(new Fp8Options())), StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_OnADeviceWithoutFp8OrARowInPieces_IsRefused()
    {
        using var scope = NewDisposeScope();
        var definition = ModelFamilies.Define(Case.Config).WithFp8(new Fp8Options());
        using var walk = new UnitWalk(definition, Case.Parameters(), ScalarType.BFloat16);
        using var old = UnitWalk.Batch(Case.Batch(), new EagerOperators { Fp8 = null });
        Assert.Contains("compute capability 8.9 or later", Assert.Throws<HorizonException>(() => walk.Logits(old)).Message, StringComparison.Ordinal);
        using var pieces = UnitWalk.Batch(Case.Batch(), pieceTokens: 7);
        Assert.Contains("rows of 21 tokens are computed in pieces", Assert.Throws<HorizonException>(() => walk.Logits(pieces)).Message, StringComparison.Ordinal);
    }

    private static (double LossSum, Dictionary<string, float[]> Gradients) Differentiate(ModelDefinition definition, ScalarType type)
    {
        // The same parameters in every type.
        using var walk = new UnitWalk(definition, Case.Parameters().ToDictionary(entry => entry.Key, entry => Array.ConvertAll(entry.Value, Rounded)), type);
        using var batch = UnitWalk.Batch(Case.Batch());
        return walk.Differentiate(batch, 1.0 / 60);
    }

    private static float[] Flatten(Dictionary<string, float[]> tensors) => [.. tensors.OrderBy(entry => entry.Key).SelectMany(entry => entry.Value)];

    private static bool Same(Tensor first, Tensor second) => first.eq(second).all().item<bool>();

    private static float Rounded(float value) => BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(value) + 0x8000u) & 0xFFFF0000u);
}
