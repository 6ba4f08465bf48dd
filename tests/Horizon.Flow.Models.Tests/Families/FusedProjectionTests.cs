using Horizon.Flow.Testing;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>Qwen3-Next without experts is Qwen3.5 with the rows of its linear attention's projections in another order.</summary>
public class FusedProjectionTests
{
    // All different, so that no order is mistaken for another.
    private const int Keys = 2, Group = 3, KeyWidth = 4, ValueWidth = 5, Hidden = 8;

    private const string Sizes =
        """
        "vocab_size": 13, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "full_attention_interval": 2,
        "linear_num_key_heads": 2, "linear_num_value_heads": 6, "linear_key_head_dim": 4, "linear_value_head_dim": 5
        """;

    [Fact]
    public void Logits_FusedByKeyHead_EqualThoseOfSeparateMatrices()
    {
        var fused = Define($"\"architectures\": [\"Qwen3NextForCausalLM\"], \"mlp_only_layers\": [0, 1], {Sizes}");
        var separate = Define($"\"architectures\": [\"Qwen3_5ForCausalLM\"], {Sizes}");
        var random = new Random(3);
        var values = separate.Units.SelectMany(unit => unit.Parameters).ToDictionary(
            slot => slot.TensorName, slot => Enumerable.Range(0, (int)slot.Count).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray());
        IEnumerable<float> Rows(string matrix, int first, int count) => values[$"model.layers.0.linear_attn.in_proj_{matrix}.weight"].Skip(first * Hidden).Take(count * Hidden);
        var (gates, heads) = (Group * ValueWidth, Enumerable.Range(0, Keys).ToList());
        var ordered = new Dictionary<string, float[]>(values)
        {
            ["model.layers.0.linear_attn.in_proj_qkvz.weight"] =
            [
                .. heads.SelectMany(head => (float[])
                [
                    .. Rows("qkv", head * KeyWidth, KeyWidth), .. Rows("qkv", (Keys + head) * KeyWidth, KeyWidth), .. Rows("qkv", (2 * Keys * KeyWidth) + (head * gates), gates),
                    .. Rows("z", head * gates, gates),
                ]),
            ],
            ["model.layers.0.linear_attn.in_proj_ba.weight"] = [.. heads.SelectMany(head => Rows("b", head * Group, Group).Concat(Rows("a", head * Group, Group)))],
        };

        long[] ids = [.. Enumerable.Range(0, 12).Select(place => (long)(place * 5 % 13))];
        using var batch = UnitWalk.Batch(new MicroBatch(1, 12, ids, ids, [.. ids.Select((_, place) => (long)place)]));
        float[] Logits(ModelDefinition definition, Dictionary<string, float[]> weights)
        {
            using var walk = new UnitWalk(definition, weights);
            return walk.Logits(batch);
        }

        Assert.InRange(Numbers.RelativeError(Logits(separate, values), Logits(fused, ordered)), 0, 1e-5);
    }

    private static ModelDefinition Define(string settings) =>
        ModelFamilies.Define(ModelRegistry.Default.Read(ConfigJson.Parse($"{{{settings}}}", "test.json")) with { NormEpsilon = 1e-3 });
}
