using System.Text.Json;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>
/// What a layer whose backward autograd derives says of its memory on a CPU, against the blocks that libtorch had at once, as a library in front of malloc counted them
/// (docs/benchmarks/2026-11-26-plan.md): 2 x 256 tokens, 256 wide, 768 inside, 4 heads of 64, 2 of keys.
/// </summary>
public class LayerMemoryTests
{
    // Rounding of blocks, and what the runtime itself takes at the same time.
    private const double Least = 0.985;

    /// <summary>The tape within one percent of what was kept, and with what is beside it never below what was there at once, and within 5 %. Scores in blocks and linear attention are estimates.</summary>
    /// <param name="family">Its architecture without the ending.</param>
    /// <param name="layer">Which of the two.</param>
    /// <param name="tape">Bytes in fp32 beside input and output.</param>
    /// <param name="peak">Bytes in fp32 of forward and backward beside the input.</param>
    /// <param name="narrowTape">In bf16.</param>
    /// <param name="narrowPeak">In bf16.</param>
    /// <param name="settings">What config.json says beside sizes, with ' for ".</param>
    /// <param name="mostTape">The tape's bound.</param>
    /// <param name="mostPeak">The peak's.</param>
    [Theory]
    [InlineData("Cohere2", 0, 10_347_752, 16_213_048, 5_174_968, 8_158_248, "'sliding_window_pattern': 2, 'sliding_window': 128")]
    [InlineData("DeepseekV3", 0, 12_329_152, 17_637_760, 7_086_312, 12_265_568, "'num_key_value_heads': 4, 'head_dim': 32, 'q_lora_rank': 96, 'kv_lora_rank': 64, 'qk_nope_head_dim': 32, 'qk_rope_head_dim': 32, 'v_head_dim': 64, 'n_routed_experts': 8, 'num_experts_per_tok': 2, 'n_group': 2, 'topk_group': 2, 'moe_intermediate_size': 192, 'n_shared_experts': 1, 'norm_topk_prob': true, 'routed_scaling_factor': 1.5, 'first_k_dense_replace': 1")]
    [InlineData("DeepseekV3", 1, 12_894_576, 22_495_888, 8_446_384, 17_392_592, "'num_key_value_heads': 4, 'head_dim': 32, 'q_lora_rank': 96, 'kv_lora_rank': 64, 'qk_nope_head_dim': 32, 'qk_rope_head_dim': 32, 'v_head_dim': 64, 'n_routed_experts': 8, 'num_experts_per_tok': 2, 'n_group': 2, 'topk_group': 2, 'moe_intermediate_size': 192, 'n_shared_experts': 1, 'norm_topk_prob': true, 'routed_scaling_factor': 1.5, 'first_k_dense_replace': 1")]
    [InlineData("Gemma2", 0, 13_369_480, 23_068_848, 9_044_112, 15_991_144, "'attn_logit_softcapping': 50.0, 'query_pre_attn_scalar': 64, 'sliding_window': 128", 1.01, 1.45)]
    [InlineData("Gemma3", 0, 16_387_472, 24_890_696, 11_212_704, 21_157_832, "'sliding_window_pattern': 2, 'query_pre_attn_scalar': 64, 'sliding_window': 128")]
    [InlineData("Gemma4", 0, 19_603_704, 33_972_688, 15_057_208, 32_473_776, "'num_hidden_layers': 3, 'hidden_size_per_layer_input': 32, 'vocab_size_per_layer_input': 512, 'global_head_dim': 128, 'layer_types': ['full_attention', 'sliding_attention', 'full_attention'], 'num_kv_shared_layers': 0, 'sliding_window': 128, 'num_global_key_value_heads': 1", 1.01, 1.25)]
    [InlineData("Glm4", 0, 13_115_536, 19_669_360, 7_872_696, 15_081_904, "'partial_rotary_factor': 0.5")]
    [InlineData("GptOss", 0, 17_017_120, 37_719_528, 10_356_336, 24_272_248, "'intermediate_size': 256, 'num_local_experts': 8, 'num_experts_per_tok': 2, 'sliding_window': 128")]
    [InlineData("GPTNeoX", 0, 7_348_304, 11_542_696, 3_678_288, 5_777_192, "'num_key_value_heads': 4, 'rotary_pct': 0.5, 'hidden_act': 'gelu'")]
    [InlineData("Granite", 0, 11_018_352, 18_882_792, 6_299_768, 12_067_112, "'attention_multiplier': 0.125, 'residual_multiplier': 0.5")]
    [InlineData("Lfm2", 0, 10_764_432, 17_596_696, 6_439_072, 13_402_456, "'conv_L_cache': 3, 'full_attn_idxs': [0], 'block_multiple_of': 8")]
    [InlineData("Lfm2", 1, 9_965_672, 13_635_720, 5_769_328, 8_915_112, "'conv_L_cache': 3, 'full_attn_idxs': [0], 'block_multiple_of': 8")]
    [InlineData("Olmo2", 0, 12_853_384, 19_669_248, 8_134_800, 15_343_936, "")]
    [InlineData("Olmo3", 0, 14_282_032, 21_195_840, 8_845_144, 16_152_224, "'sliding_window': 128")]
    [InlineData("Phi3", 0, 11_018_352, 17_309_904, 6_299_768, 11_282_288, "")]
    [InlineData("Qwen3Moe", 0, 12_902_792, 22_913_656, 8_053_176, 18_187_016, "'num_experts': 8, 'num_experts_per_tok': 2, 'moe_intermediate_size': 256, 'norm_topk_prob': true")]
    [InlineData("Qwen3_5", 0, 16_855_280, 53_138_576, 12_654_864, 46_710_000, "'linear_num_key_heads': 2, 'linear_num_value_heads': 4, 'linear_key_head_dim': 64, 'linear_value_head_dim': 64, 'linear_conv_kernel_dim': 4, 'full_attention_interval': 2, 'partial_rotary_factor': 0.5", 1.35, 1.2)]
    [InlineData("Qwen3_5", 1, 14_434_464, 20_480_312, 8_929_456, 15_763_640, "'linear_num_key_heads': 2, 'linear_num_value_heads': 4, 'linear_key_head_dim': 64, 'linear_value_head_dim': 64, 'linear_conv_kernel_dim': 4, 'full_attention_interval': 2, 'partial_rotary_factor': 0.5")]
    [InlineData("Qwen3Next", 0, 17_945_288, 57_710_512, 13_744_680, 49_536_744, "'num_experts': 8, 'num_experts_per_tok': 2, 'moe_intermediate_size': 192, 'shared_expert_intermediate_size': 192, 'linear_num_key_heads': 2, 'linear_num_value_heads': 4, 'linear_key_head_dim': 64, 'linear_value_head_dim': 64, 'linear_conv_kernel_dim': 4, 'full_attention_interval': 2, 'partial_rotary_factor': 0.5", 1.35, 1.2)]
    [InlineData("Qwen3Next", 1, 15_524_440, 25_797_576, 10_019_240, 20_546_424, "'num_experts': 8, 'num_experts_per_tok': 2, 'moe_intermediate_size': 192, 'shared_expert_intermediate_size': 192, 'linear_num_key_heads': 2, 'linear_num_value_heads': 4, 'linear_key_head_dim': 64, 'linear_value_head_dim': 64, 'linear_conv_kernel_dim': 4, 'full_attention_interval': 2, 'partial_rotary_factor': 0.5")]
    [InlineData("Starcoder2", 0, 6_824_024, 12_066_984, 3_416_152, 6_039_336, "'use_bias': true, 'hidden_act': 'gelu_pytorch_tanh'")]
    public void TapeAndPeak_OnTheCpu_AreWhatWasThere(
        string family, int layer, long tape, long peak, long narrowTape, long narrowPeak, string settings, double mostTape = 1.01, double mostPeak = 1.05)
    {
        Dictionary<string, object> all = new()
        {
            ["architectures"] = new[] { family + "ForCausalLM" }, ["vocab_size"] = 512, ["hidden_size"] = 256, ["intermediate_size"] = 768, ["num_hidden_layers"] = 2, ["num_attention_heads"] = 4,
            ["num_key_value_heads"] = 2, ["head_dim"] = 64, ["max_position_embeddings"] = 4096, ["tie_word_embeddings"] = true,
        };
        foreach (var (key, value) in JsonSerializer.Deserialize<Dictionary<string, JsonElement>>("{" + settings.Replace('\'', '"') + "}")!) all[key] = value;
        var definition = ModelFamilies.Define(ModelRegistry.Default.Read(ConfigJson.Parse(JsonSerializer.Serialize(all), "case.json")));
        var (unit, template) = definition.Hidden.Where(binding => !binding.Template.IsEmbedding).ElementAt(layer);
        foreach (var (type, kept, most) in new[] { (ElementType.Float32, tape, peak), (ElementType.BFloat16, narrowTape, narrowPeak) })
        {
            var batch = new BatchShape(2, 256, type) { OnProcessor = true };
            var (found, beside) = (template.TapeBytes(definition.Units[unit], batch), template.WorkingBytes(definition.Units[unit], batch));
            Assert.InRange((double)found / kept, Least, mostTape);
            Assert.InRange((double)(found + beside) / most, Least, mostPeak);
            Assert.InRange(template.ForwardBytes(definition.Units[unit], batch), 0, beside);
        }
    }

    /// <summary>With few tokens a layer's backward takes what all its weights' gradients take, which autograd gives together.</summary>
    [Fact]
    public void WorkingBytes_OfFewTokens_HaveTheWeightsGradients()
    {
        var definition = ModelFamilies.Define(ModelRegistry.Default.Read(ConfigJson.Parse(
            """{ "architectures": ["Olmo2ForCausalLM"], "vocab_size": 16, "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 1, "num_attention_heads": 8, "max_position_embeddings": 64 }""", "case.json")));
        var (unit, template) = definition.Hidden[^1];
        var layout = definition.Units[unit];
        var batch = new BatchShape(1, 2, ElementType.Float32) { OnProcessor = true };
        Assert.InRange(template.TapeBytes(layout, batch) + template.WorkingBytes(layout, batch), layout.ElementCount * sizeof(float), (long)(1.01 * layout.ElementCount * sizeof(float)));
    }
}
