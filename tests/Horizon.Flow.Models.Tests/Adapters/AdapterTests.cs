using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Tests.Families;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Tests.Adapters;

/// <summary>Layers with adapters against the same layers with W + s B A in the place of W.</summary>
public sealed class AdapterTests
{
    private static readonly string[] _projections = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

    /// <summary>The layer whose backward is written out, some or all of its matrices, in pieces of tokens or whole, against a dense model with whole-graph autograd.</summary>
    [Cases(40, Arbitrary = [typeof(ModelCases)])]
    public Property UnitByUnit_LlamaKind_EqualsTheMergedDenseModel(ModelCase model, int seed)
    {
        var adapter = Of(seed);
        var adapted = ModelFamilies.Define(model.Config with { Adapter = adapter });
        var values = new AdapterValues(adapted, adapter, model.Parameters(), seed);
        var batch = model.Batch();
        var (expectedLoss, expected) = Differentiated(TorchSharp.torch.ScalarType.Float64);
        var (_, single) = Differentiated(TorchSharp.torch.ScalarType.Float32);
        // Some models multiply fp32's rounding by hundreds: where the dense one is off by so much itself, a comparison says nothing of adapters.
        return Prop.When(expected.All(tensor => Numbers.RelativeError(tensor.Value, single[tensor.Key]) < 8e-6 || Numbers.Norm(tensor.Value) < 1e-6), Compare);

        (double Loss, IReadOnlyDictionary<string, float[]> Gradients) Differentiated(TorchSharp.torch.ScalarType type)
        {
            using var dense = new DenseTrainer(model.Config, values.Merged, new DenseOptions { Type = type, MaxGradNorm = null });
            var (loss, _) = dense.Differentiate([batch]);
            return (loss, values.Project(dense.Gradients));
        }

        void Compare()
        {
            var labelled = batch.Targets.Count(target => target != -100);
            using var walk = new UnitWalk(adapted, values.Adapted);
            using var deviceBatch = UnitWalk.Batch(batch, pieceTokens: (seed & 1) == 0 ? 3 : null);
            var (lossSum, gradients) = walk.Differentiate(deviceBatch, 1.0 / labelled);

            Assert.Equal(expectedLoss, lossSum / labelled, 1e-5 * expectedLoss);
            // A matrix's gradient goes through a thin product once more than the model's own: fp32 rounds it once more.
            Numbers.AssertClose(expected, gradients, 1e-4);
        }
    }

    /// <summary>The layer that autograd derives gives the same.</summary>
    [Cases(20, Arbitrary = [typeof(ModelCases)])]
    public void UnitByUnit_LayersDerivedByAutograd_EqualThoseWrittenOut(ModelCase model, int seed)
    {
        var config = model.Config with { Adapter = Of(seed) };
        var adapted = ModelFamilies.Define(config);
        var values = new AdapterValues(adapted, config.Adapter, model.Parameters(), seed);
        var rotary = new RotaryEmbedding(config.Rope, config.HeadDimension);
        var derived = adapted with
        {
            Hidden = [adapted.Hidden[0], .. adapted.Hidden.Skip(1).Select((binding, layer) => binding with { Template = new AutogradDecoderLayerTemplate(config, rotary, config.SlidingWindow(layer)) })],
        };
        using var batch = UnitWalk.Batch(model.Batch());
        using var one = new UnitWalk(adapted, values.Adapted);
        using var other = new UnitWalk(derived, values.Adapted);
        var (expected, actual) = (one.Differentiate(batch, 0.1), other.Differentiate(batch, 0.1));
        Assert.Equal(expected.LossSum, actual.LossSum, 1e-5 * expected.LossSum);
        Numbers.AssertClose(expected.Gradients, actual.Gradients, 2e-5);
    }

    /// <summary>All other families, every matrix that they have: experts, latent and linear attention, convolutions, matrices stored [in, out].</summary>
    [Cases(60, Arbitrary = [typeof(FamilyCase.SmoothCases)])]
    public void UnitByUnit_AnyFamily_EqualsTheMergedModel(FamilyCase family)
    {
        var adapter = new AdapterConfig(2, 3, [AdapterConfig.AllLinear]) { IsRankStabilized = family.Seed % 2 == 0 };
        AssertEqualsMerged(family.Config, adapter, family.Parameters(ModelFamilies.Define(family.Config)), family.Seed);
    }

    /// <summary>GPT-2's matrices lie the other way round.</summary>
    [Fact]
    public void UnitByUnit_Gpt2_EqualsTheMergedModel()
    {
        var family = new FamilyCase("GPT2LMHeadModel", new Dictionary<string, object?> { ["n_embd"] = 8, ["n_head"] = 2, ["n_layer"] = 2, ["vocab_size"] = 13, ["n_positions"] = 32 }, 3);
        AssertEqualsMerged(family.Config, new(3, 6, ["c_attn", "mlp.c_proj"]), family.Parameters(ModelFamilies.Define(family.Config)), 5);
    }

    [Fact]
    public void Define_Names_AreThoseOfPeft()
    {
        var names = Names(new(4, 8, ["q_proj", "mlp.down_proj"]));
        Assert.Equal(
            [
                "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight",
                "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight",
            ],
            names.Where(name => name.Contains(".0.", StringComparison.Ordinal)));
        Assert.Equal(7, Names(new(4, 8, [AdapterConfig.AllLinear])).Count(name => name.Contains(".1.", StringComparison.Ordinal) && name.EndsWith("lora_A.weight", StringComparison.Ordinal)));
        Assert.Equal(
            "'lm_head' is no matrix of the decoder layers that can have an adapter; there are q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, and all-linear for all of them",
            Assert.Throws<HorizonException>(() => Names(new(4, 8, ["lm_head"]))).Message);

        static List<string> Names(AdapterConfig adapter) => [.. Define(adapter).Units.SelectMany(unit => unit.Trained.Parameters).Select(slot => slot.TensorName)];
    }

    /// <summary>A within ±1/√in and of its variance, B zero; embedding and head have nothing to train.</summary>
    [Fact]
    public void Define_NewAdapters_BeginWithTheBaseAsItIs()
    {
        var model = Define(new(16, 16, ["q_proj"]));
        var (a, b) = (model.Units[1].Trained.Parameters[0], model.Units[1].Trained.Parameters[1]);
        var values = new float[a.Count];
        model.Initialize(a, 7, 0, values);
        var bound = 1 / Math.Sqrt(a.Shape[1]);
        Assert.All(values, value => Assert.InRange(value, -bound, bound));
        Assert.InRange(values.Average(value => value * value), 0.8 * bound * bound / 3, 1.2 * bound * bound / 3);
        var zeros = Enumerable.Repeat(1f, (int)b.Count).ToArray();
        model.Initialize(b, 7, 0, zeros);
        Assert.All(zeros, value => Assert.Equal(0, value));
        Assert.Equal([0, 0], [model.Units[0].Trained.ElementCount, model.Units[^1].Trained.ElementCount]);
    }

    private static ModelDefinition Define(AdapterConfig adapter) => ModelFamilies.Define(new ModelConfig
    {
        Architecture = "LlamaForCausalLM",
        VocabularySize = 16,
        HiddenSize = 32,
        IntermediateSize = 24,
        LayerCount = 2,
        HeadCount = 4,
        KeyValueHeadCount = 2,
        HeadDimension = 8,
        MaximumSequenceLength = 32,
        Adapter = adapter,
    });

    private static AdapterConfig Of(int seed)
    {
        var random = new Random(seed);
        string[] targets = [.. _projections.Where(_ => random.Next(2) == 0)];
        return new(random.Next(1, 4), random.Next(1, 9), targets.Length == 0 ? [AdapterConfig.AllLinear] : targets) { IsRankStabilized = random.Next(2) == 0 };
    }

    private static void AssertEqualsMerged(ModelConfig config, AdapterConfig adapter, Dictionary<string, float[]> basis, int seed)
    {
        var adapted = ModelFamilies.Define(config with { Adapter = adapter });
        var values = new AdapterValues(adapted, adapter, basis, seed, config is DenseConfig { TransposedMatrices: true });
        Assert.NotEmpty(values.Matrices);
        var random = new Random(seed + 1);
        long[] ids = [.. Enumerable.Range(0, 10).Select(_ => (long)random.Next(13))];
        long[] targets = [.. ids.Select((_, place) => place % 3 == 0 ? -100L : random.Next(13))];
        using var batch = UnitWalk.Batch(new MicroBatch(2, 5, ids, targets, [.. Enumerable.Range(0, 10).Select(place => (long)(place % 5))]));
        using var merged = new UnitWalk(ModelFamilies.Define(config), values.Merged);
        using var walk = new UnitWalk(adapted, values.Adapted);
        using var exact = new UnitWalk(ModelFamilies.Define(config), values.Merged, TorchSharp.torch.ScalarType.Float64);
        var (rounded, truth, actual) = (merged.Differentiate(batch, 0.1), exact.Differentiate(batch, 0.1), walk.Differentiate(batch, 0.1));
        // Some of these models are so ill-conditioned that fp32 itself cannot decide: how far the merged one is from fp64 says it.
        var (expected, floor) = (values.Project(truth.Gradients), 0.03 * Numbers.Norm(truth.Gradients.Values.SelectMany(one => one)));
        var rounding = values.Project(rounded.Gradients).Max(pair => Numbers.Norm(pair.Value.Zip(expected[pair.Key], (one, other) => one - other)) / (Numbers.Norm(expected[pair.Key]) + floor));
        Assert.Equal(truth.LossSum, actual.LossSum, 1e-4 * truth.LossSum);
        Numbers.AssertClose(expected, actual.Gradients, 1e-3 + (10 * rounding));
    }
}
