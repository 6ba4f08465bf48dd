using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>A config.json of some family with random numbers, and random weights for it.</summary>
public sealed record FamilyCase(string Architecture, IReadOnlyDictionary<string, object?> Settings, int Seed)
{
    // A short vector that happens to be almost zero would be blown up by a norm, and its rounding with it. Experts that can be in parts are in one to four.
    public ModelConfig Config
    {
        get
        {
            var read = ModelRegistry.Default.Read(ConfigJson.Parse(ToString(), "case.json")) with { NormEpsilon = 1e-3 };
            return read is DenseConfig { Experts: { } experts } dense && ExpertParts.Refusal(dense) is null && experts.Count % (1 + (Seed % 4)) == 0 ? read with { ExpertParts = 1 + (Seed % 4) } : read;
        }
    }

    public override string ToString() => JsonSerializer.Serialize(Settings.Append(new("architectures", new[] { Architecture })).ToDictionary());

    /// <summary>Weights away from what a new model has.</summary>
    public Dictionary<string, float[]> Parameters(ModelDefinition definition)
    {
        var random = new Random(Seed);
        return definition.Units.SelectMany(unit => unit.Parameters).DistinctBy(slot => slot.TensorName).ToDictionary(
            slot => slot.TensorName,
            slot => Enumerable.Range(0, (int)slot.TensorShape.Aggregate(1L, (product, extent) => product * extent)).Select(_ => (float)((Roles.IsNorm(slot.Role) ? 1 : 0) + (0.4 * (random.NextDouble() - 0.5)))).ToArray());
    }

    public static class Cases
    {
        // The experts of DeepSeek-V3 and of those that took them over.
        private static readonly (string Key, object?[] Values)[] Grouped =
        [
            ("n_routed_experts", [4]), ("num_experts_per_tok", [2, 4]), ("n_group", [2]), ("topk_group", [2]), ("moe_intermediate_size", [6]),
            ("n_shared_experts", [0, 2]), ("norm_topk_prob", [true, false]), ("routed_scaling_factor", [1.5]), ("first_k_dense_replace", [0, 1]),
        ];

        // The linear attention of Qwen3-Next and Qwen3.5, and their gates.
        private static readonly (string Key, object?[] Values)[] Linear =
        [
            ("linear_num_key_heads", [1, 2]), ("linear_num_value_heads", [2, 4]), ("linear_key_head_dim", [3, 4]), ("linear_value_head_dim", [4, 6]), ("linear_conv_kernel_dim", [1, 2, 4]),
            ("full_attention_interval", [1, 2, 4]), ("partial_rotary_factor", [0.5, 1.0]), ("attention_bias", [false, true]),
        ];

        // The experts beside it.
        private static readonly (string Key, object?[] Values)[] Gated =
            [("num_experts", [4]), ("num_experts_per_tok", [3, 4]), ("moe_intermediate_size", [6]), ("shared_expert_intermediate_size", [5])];

        // The loss that balances them.
        private static readonly (string Key, object?[] Values)[] Balanced = [("output_router_logits", [false, true]), ("router_aux_loss_coef", [0.5])];

        // What each family's own switches are set to, besides the sizes.
        private static readonly (string Architecture, (string Key, object?[] Values)[] Switches)[] Families =
        [
            ("Cohere2ForCausalLM", [("logit_scale", [0.25, 1.0]), ("sliding_window_pattern", [1, 2, 4]), ("attention_bias", [false, true])]),
            ("DeepseekV3ForCausalLM", [("q_lora_rank", [null, 6]), ("kv_lora_rank", [6]), ("qk_nope_head_dim", [4, 6]), ("v_head_dim", [4, 6]), ("rope_interleave", [true, false]), ("attention_bias", [false, true]), .. Grouped]),
            ("Ernie4_5ForCausalLM", [("use_bias", [false, true])]),
            ("Gemma2ForCausalLM", [("attn_logit_softcapping", [null, 5.0]), ("final_logit_softcapping", [null, 3.0]), ("query_pre_attn_scalar", [7])]),
            ("Gemma3ForCausalLM", [("sliding_window_pattern", [1, 2, 3]), ("rope_local_base_freq", [100.0, 10_000.0]), ("query_pre_attn_scalar", [5])]),
            ("Gemma4ForCausalLM", [("hidden_size_per_layer_input", [0, 3]), ("vocab_size_per_layer_input", [16]), ("global_head_dim", [4, 16]), ("attention_k_eq_v", [false, true]), ("num_global_key_value_heads", [1]), ("final_logit_softcapping", [null, 3.0]),
                ("layer_types", [new[] { "full_attention", "sliding_attention", "full_attention" }]), ("num_hidden_layers", [3]), ("num_kv_shared_layers", [0, 1]), ("use_double_wide_mlp", [false, true]),
                ("enable_moe_block", [false, true]), ("num_experts", [4]), ("top_k_experts", [2, 4]), ("moe_intermediate_size", [6])]),
            ("Glm4ForCausalLM", [("partial_rotary_factor", [0.5, 1.0]), ("attention_bias", [false, true])]),
            ("Glm4MoeForCausalLM", [("use_qk_norm", [false, true]), ("attention_bias", [false, true]), .. Grouped]),
            ("GptOssForCausalLM", [("num_local_experts", [4]), ("num_experts_per_tok", [1, 4]), ("attention_bias", [false, true]), ("swiglu_limit", [0.3, 7.0]), .. Balanced]),
            ("GPTNeoXForCausalLM", [("rotary_pct", [0.5, 1.0]), ("use_parallel_residual", [true, false]), ("hidden_act", ["gelu", "gelu_fast"])]),
            ("GraniteForCausalLM", [("embedding_multiplier", [3.0]), ("attention_multiplier", [0.4]), ("residual_multiplier", [0.5]), ("logits_scaling", [4.0]), ("mlp_bias", [true, false])]),
            ("HunYuanDenseV1ForCausalLM", [("rope_scaling", [null, new Dictionary<string, object> { ["type"] = "dynamic", ["alpha"] = 3.0, ["factor"] = 1.0 }])]),
            ("Lfm2ForCausalLM", [("conv_L_cache", [1, 2, 3, 5]), ("conv_bias", [false, true]), ("full_attn_idxs", [new[] { 0 }, new[] { 1 }]), ("block_multiple_of", [8])]),
            ("LlamaForCausalLM", [("hidden_act", ["gelu", "relu2"]), ("attention_bias", [false, true]), ("mlp_bias", [false, true])]),
            ("MiniMaxM2ForCausalLM", [("num_local_experts", [4]), ("num_experts_per_tok", [2, 4]), ("rotary_dim", [2, 4]), .. Balanced]),
            ("MistralForCausalLM", [("hidden_act", ["gelu_new"]), ("sliding_window", [null, 3])]),
            ("MixtralForCausalLM", [("hidden_act", ["silu", "gelu_new"]), ("num_local_experts", [3]), ("num_experts_per_tok", [2, 3]), ("sliding_window", [null, 3]), .. Balanced]),
            ("Olmo2ForCausalLM", [("attention_bias", [false, true])]),
            ("Olmo3ForCausalLM", [("attention_bias", [false, true])]),
            ("Phi3ForCausalLM", [("partial_rotary_factor", [0.5, 1.0]), ("sliding_window", [null, 3])]),
            ("Qwen2ForCausalLM", [("hidden_act", ["gelu"])]),
            ("Qwen3ForCausalLM", [("hidden_act", ["quick_gelu", "gelu"]), ("attention_bias", [false, true])]),
            ("Qwen3MoeForCausalLM", [("hidden_act", ["silu", "quick_gelu"]), ("num_experts", [4]), ("num_experts_per_tok", [3, 4]), ("moe_intermediate_size", [6]), ("norm_topk_prob", [false, true]), ("decoder_sparse_step", [1, 2]), ("mlp_only_layers", [Array.Empty<int>(), new[] { 1 }]), .. Balanced]),
            ("Qwen3NextForCausalLM", [("norm_topk_prob", [false, true]), ("decoder_sparse_step", [1, 2]), ("mlp_only_layers", [Array.Empty<int>(), new[] { 1 }]), .. Gated, .. Linear]),
            ("Qwen3_5ForCausalLM", Linear),
            ("Qwen3_5MoeForCausalLM", [.. Gated, .. Linear]),
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
            if (architecture is "Cohere2ForCausalLM" or "Gemma2ForCausalLM" or "Gemma3ForCausalLM" or "Gemma4ForCausalLM" or "GptOssForCausalLM" or "Olmo3ForCausalLM" or "SmolLM3ForCausalLM") settings["sliding_window"] = window;
            if (architecture is "DeepseekV3ForCausalLM") (settings["qk_rope_head_dim"], settings["num_key_value_heads"]) = (head, keys * groups);
            for (var i = 0; i < switches.Length; i++) settings[switches[i].Key] = switches[i].Values[picks[i] % switches[i].Values.Length];
            return settings.Where(setting => setting.Value is not null || setting.Key.EndsWith("capping", StringComparison.Ordinal) || setting.Key == "q_lora_rank").ToDictionary();
        }
    }

    /// <summary>Without a choice between experts: where one changes, the loss jumps.</summary>
    public static class SmoothCases
    {
        public static Arbitrary<FamilyCase> Any() => Cases.Any().Filter(family => ((family.Config as DenseConfig)?.Experts) is not { } experts || experts.PerToken == experts.Count);
    }
}
