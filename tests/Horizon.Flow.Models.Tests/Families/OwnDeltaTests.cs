using Horizon.Flow.Host.Store;
using Horizon.Flow.Resources;
using Horizon.Flow.Testing;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>A device may compute linear attention by itself: it is given what libtorch's operators start from, and its gradients go where theirs go.</summary>
public class OwnDeltaTests
{
    private const string Sizes =
        """
        "vocab_size": 13, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "full_attention_interval": 2,
        "linear_num_key_heads": 2, "linear_num_value_heads": 6, "linear_key_head_dim": 4, "linear_value_head_dim": 5
        """;

    [Theory]
    [InlineData("\"architectures\": [\"Qwen3NextForCausalLM\"], \"mlp_only_layers\": [0, 1, 2]", false)]
    [InlineData("\"architectures\": [\"Qwen3NextForCausalLM\"], \"mlp_only_layers\": [0, 1, 2]", true)]
    [InlineData("\"architectures\": [\"Qwen3_5ForCausalLM\"]", true)]
    public void Differentiate_ByTheDevicesOwn_IsWhatOperatorsGive(string family, bool packed)
    {
        var definition = Define(family);
        var random = new Random(7);
        var values = definition.Units.SelectMany(unit => unit.Parameters).ToDictionary(
            slot => slot.TensorName, slot => Enumerable.Range(0, (int)slot.Count).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray());
        long[] ids = [.. Enumerable.Range(0, 22).Select(place => (long)(place * 5 % 13))];
        long[] documents = [.. ids.Select((_, place) => (long)(place is < 4 ? 0 : place is < 9 ? 1 : place is < 11 ? 2 : 3))];
        var tokens = new MicroBatch(2, 11, ids, ids, [.. ids.Select((_, place) => (long)(place % 11))], packed ? documents : null);
        var device = new OwnDelta();
        var (expected, given) = (Differentiate(null), Differentiate(device));
        Assert.Equal((4, 2), device.Calls); // two of three layers: forward, and again for backward
        Assert.InRange(Math.Abs(given.LossSum - expected.LossSum) / expected.LossSum, 0, 1e-5);
        Numbers.AssertClose(expected.Gradients, given.Gradients, 1e-3);

        (double LossSum, Dictionary<string, float[]> Gradients) Differentiate(IUnitOperators? operators)
        {
            using var walk = new UnitWalk(definition, values);
            using var batch = UnitWalk.Batch(tokens, operators);
            return walk.Differentiate(batch, 0.1);
        }
    }

    /// <summary>The plan counts what the device's own keeps, where the device is known.</summary>
    [Fact]
    public void Budget_OfADeviceWithItsOwn_IsSmaller()
    {
        var plan = TrainingPlan.For(Define("\"architectures\": [\"Qwen3_5ForCausalLM\"]"));
        long Bytes(IUnitOperators? operators) => MemoryBudget.Of(plan, StorePrecision.Bf16, 4, 1 << 16, gpu: true, operators: operators).DeviceBytes;
        Assert.InRange(Bytes(new OwnDelta()), 1, Bytes(null) - 1);
    }

    private static ModelDefinition Define(string family) =>
        ModelFamilies.Define(ModelRegistry.Default.Read(ConfigJson.Parse($"{{{family}, {Sizes}}}", "test.json")) with { NormEpsilon = 1e-3 });
}
