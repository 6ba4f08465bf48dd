using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>A config.json of some family with random numbers, and random weights for it.</summary>
public sealed record FamilyCase(string Architecture, IReadOnlyDictionary<string, object?> Settings, int Seed)
{
    // A short vector that happens to be almost zero would be blown up by a norm, and its rounding with it.
    public ModelConfig Config => ModelRegistry.Default.Read(ConfigJson.Parse(ToString(), "case.json")) with { NormEpsilon = 1e-3 };

    public override string ToString() => JsonSerializer.Serialize(Settings.Append(new("architectures", new[] { Architecture })).ToDictionary());

    /// <summary>Weights away from what a new model has.</summary>
    public Dictionary<string, float[]> Parameters(ModelDefinition definition)
    {
        var random = new Random(Seed);
        return definition.Units.SelectMany(unit => unit.Parameters).ToDictionary(
            slot => slot.TensorName,
            slot => Enumerable.Range(0, (int)slot.Count).Select(_ => (float)((Roles.IsNorm(slot.Role) ? 1 : 0) + (0.4 * (random.NextDouble() - 0.5)))).ToArray());
    }

    public static class Cases
    {
        // What each family's own switches are set to, besides the sizes.
        private static readonly (string Architecture, (string Key, object?[] Values)[] Switches)[] Families =
        [
            ("Cohere2ForCausalLM", [("logit_scale", [0.25, 1.0]), ("sliding_window_pattern", [1, 2, 4]), ("attention_bias", [false, true])]),
            ("Ernie4_5ForCausalLM", [("use_bias", [false, true])]),
            ("Gemma2ForCausalLM", [("attn_logit_softcapping", [null, 5.0]), ("final_logit_softcapping", [null, 3.0]), ("query_pre_attn_scalar", [7])]),
            ("Gemma3ForCausalLM", [("sliding_window_pattern", [1, 2, 3]), ("rope_local_base_freq", [100.0, 10_000.0]), ("query_pre_attn_scalar", [5])]),
            ("Glm4ForCausalLM", [("partial_rotary_factor", [0.5, 1.0]), ("attention_bias", [false, true])]),
            ("GPTNeoXForCausalLM", [("rotary_pct", [0.5, 1.0]), ("use_parallel_residual", [true, false]), ("hidden_act", ["gelu", "gelu_fast"])]),
            ("GraniteForCausalLM", [("embedding_multiplier", [3.0]), ("attention_multiplier", [0.4]), ("residual_multiplier", [0.5]), ("logits_scaling", [4.0]), ("mlp_bias", [true, false])]),
            ("HunYuanDenseV1ForCausalLM", [("rope_scaling", [null, new Dictionary<string, object> { ["type"] = "dynamic", ["alpha"] = 3.0, ["factor"] = 1.0 }])]),
            ("Lfm2ForCausalLM", [("conv_L_cache", [1, 2, 3, 5]), ("conv_bias", [false, true]), ("full_attn_idxs", [new[] { 0 }, new[] { 1 }]), ("block_multiple_of", [8])]),
            ("Olmo2ForCausalLM", [("attention_bias", [false, true])]),
            ("Olmo3ForCausalLM", [("attention_bias", [false, true])]),
            ("Phi3ForCausalLM", [("partial_rotary_factor", [0.5, 1.0]), ("sliding_window", [null, 3])]),
            ("SeedOssForCausalLM", [("attention_out_bias", [false, true])]),
            ("SmolLM3ForCausalLM", [("no_rope_layer_interval", [1, 2]), ("use_sliding_window", [true, false])]),
            ("Starcoder2ForCausalLM", [("use_bias", [false, true]), ("sliding_window", [null, 2])]),
        ];

        public static Arbitrary<FamilyCase> Any() =>
            (from family in Gen.Elements(Families)
             from picks in Gen.Choose(0, 1000).ListOf(family.Switches.Length)
             from keys in Gen.Choose(1, 2)
             from groups in Gen.Choose(1, 2)
             from head in Gen.Elements(4, 8)
             from layers in Gen.Choose(2, 3)
             from tied in Gen.Elements(true, false)
             from window in Gen.Choose(1, 4)
             from seed in Gen.Choose(0, 1_000_000)
             select new FamilyCase(family.Architecture, Of(family.Architecture, family.Switches, picks, keys, groups, head, layers, tied, window), seed)).ToArbitrary();

        private static Dictionary<string, object?> Of(
            string architecture, (string Key, object?[] Values)[] switches, IReadOnlyList<int> picks, int keys, int groups, int head, int layers, bool tied, int window)
        {
            var settings = new Dictionary<string, object?>
            {
                ["vocab_size"] = 13,
                ["hidden_size"] = keys * groups * head,
                ["intermediate_size"] = 12,
                ["num_hidden_layers"] = layers,
                ["num_attention_heads"] = keys * groups,
                ["num_key_value_heads"] = keys,
                ["head_dim"] = head,
                ["max_position_embeddings"] = 64,
                ["tie_word_embeddings"] = tied,
            };
            if (architecture is "Cohere2ForCausalLM" or "Gemma2ForCausalLM" or "Gemma3ForCausalLM" or "Olmo3ForCausalLM" or "SmolLM3ForCausalLM") settings["sliding_window"] = window;
            for (var i = 0; i < switches.Length; i++) settings[switches[i].Key] = switches[i].Values[picks[i] % switches[i].Values.Length];
            return settings.Where(setting => setting.Value is not null || setting.Key.EndsWith("capping", StringComparison.Ordinal)).ToDictionary();
        }
    }
}
