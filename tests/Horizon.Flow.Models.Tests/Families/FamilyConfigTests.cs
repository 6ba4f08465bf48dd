using System.Text.Json.Nodes;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Tests.Reference;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>How the families read what a config.json says, in its newer and older forms.</summary>
public class FamilyConfigTests
{
    private const string Sizes = "\"vocab_size\": 13, \"hidden_size\": 32, \"intermediate_size\": 48, \"num_hidden_layers\": 4, \"num_attention_heads\": 4, \"num_key_value_heads\": 2";

    /// <summary>Before version 5 rotary settings stood at the top level, and a pattern named the layers with a window.</summary>
    [Theory]
    [InlineData("gemma3", """{"rope_theta": 1000000.0, "rope_local_base_freq": 10000.0}""", "rope_parameters layer_types")]
    [InlineData("cohere2", """{"rope_theta": 10000.0, "sliding_window_pattern": 2}""", "rope_parameters layer_types rms_norm_eps")]
    [InlineData("phi3-longrope", """{"rope_theta": 10000.0, "rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.1, 1.2, 1.3], "long_factor": [1.0, 1.7, 2.4, 3.0999999999999996]}}""", "rope_parameters")]
    public void Read_OlderForm_IsTheSameModel(string folder, string added, string removed)
    {
        var path = Path.Combine(AppContext.BaseDirectory, "data", "families", folder);
        var newer = JsonNode.Parse(File.ReadAllText(Path.Combine(path, "config.json")))!.AsObject();
        var older = newer.DeepClone().AsObject();
        foreach (var key in removed.Split(' ')) older.Remove(key);
        foreach (var (key, value) in JsonNode.Parse(added)!.AsObject()) older[key] = value!.DeepClone();
        var values = new SafetensorsReader(Path.Combine(path, "model.safetensors")).AllFloats();
        long[] ids = [.. Enumerable.Range(0, 20).Select(place => (long)(place * 7 % 96))];
        using var batch = UnitWalk.Batch(new MicroBatch(1, 20, ids, ids, [.. ids.Select((_, place) => (long)place)]));
        float[] Logits(JsonObject json)
        {
            using var walk = new UnitWalk(ModelFamilies.Define(Read(json.ToJsonString())), values);
            return walk.Logits(batch);
        }

        Assert.Equal(Logits(newer), Logits(older));
    }

    [Theory]
    [InlineData("gemma3", "use_bidirectional_attention", "true", "use_bidirectional_attention is not supported")]
    [InlineData("gemma3", "hidden_activation", "\"relu\"", "'relu' is not supported")]
    [InlineData("gemma3", "layer_types", "[\"chunked_attention\", \"full_attention\", \"full_attention\", \"full_attention\"]", "chunked_attention")]
    [InlineData("gemma3", "sliding_window", "null", "sliding_window is null")]
    [InlineData("gemma3", "num_experts", "4", "num_experts: not understood for Gemma3ForCausalLM")]
    [InlineData("cohere2", "use_qk_norm", "true", "use_qk_norm is not supported")]
    [InlineData("gpt2", "scale_attn_by_inverse_layer_idx", "true", "scale_attn_by_inverse_layer_idx is not supported")]
    [InlineData("gpt2", "reorder_and_upcast_attn", "true", "reorder_and_upcast_attn is not supported")]
    [InlineData("gpt2", "use_mrope", "true", "use_mrope is not supported")]
    [InlineData("gpt2", "hidden_dropout", "0.1", "hidden_dropout is not supported")]
    [InlineData("gpt2", "pruned_heads", "{\"0\": [1]}", "pruned_heads.0: not understood for GPT2LMHeadModel")]
    [InlineData("gpt2", "quantization_config", "{}", "quantization_config is not supported")]
    [InlineData("gpt2", "hidden_act", "\"silu\"", "hidden_act: not understood for GPT2LMHeadModel")]
    [InlineData("gpt2", "n_head", "3", "must be a multiple of n_head (3)")]
    [InlineData("gpt2", "architectures", "[\"Gemma4ForCausalLM\"]", "'Gemma4ForCausalLM' is not known")]
    [InlineData("phi3-longrope", "partial_rotary_factor", "0", "partial_rotary_factor must be above 0")]
    [InlineData("phi3-longrope", "attention_bias", "true", "attention_bias is not supported")]
    [InlineData("phi3-longrope", "attention_dropout", "0.1", "attention_dropout is not supported")]
    [InlineData("phi3-longrope", "head_dim", "10", "short_factor has 4 numbers where 5 pairs of channels turn")]
    public void Define_NotSupported_IsRefusedByName(string folder, string key, string value, string named)
    {
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "data", "families", folder, "config.json")))!.AsObject();
        json[key] = JsonNode.Parse(value);
        var error = Assert.Throws<HorizonException>(() => ModelFamilies.Define(Read(json.ToJsonString())));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    /// <summary>What is off, and what only other tasks or the tokenizer use, is accepted.</summary>
    [Theory]
    [InlineData("gpt2", "pad_token_id", "0")]
    [InlineData("gpt2", "pruned_heads", "{}")]
    [InlineData("gpt2", "resid_pdrop", "0.1")]
    [InlineData("gemma3", "hidden_act", "\"silu\"")]
    public void Read_ChangesNothing_IsTheSameModel(string folder, string key, string value)
    {
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "data", "families", folder, "config.json")))!.AsObject();
        json.Remove(key);
        var without = Read(json.ToJsonString());
        json[key] = JsonNode.Parse(value);
        Assert.Equivalent(without, Read(json.ToJsonString()), strict: true);
    }

    /// <summary>Gemma 2 has caps where the file is silent, Gemma 3 none; a null is none in both.</summary>
    [Theory]
    [InlineData("Gemma2ForCausalLM", "", 50.0, 30.0)]
    [InlineData("Gemma2ForCausalLM", ", \"attn_logit_softcapping\": null, \"final_logit_softcapping\": null", null, null)]
    [InlineData("Gemma2ForCausalLM", ", \"attn_logit_softcapping\": 4, \"final_logit_softcapping\": 5", 4.0, 5.0)]
    [InlineData("Gemma3ForCausalLM", "", null, null)]
    [InlineData("Gemma3ForCausalLM", ", \"attn_logit_softcapping\": null, \"final_logit_softcapping\": null", null, null)]
    [InlineData("Gemma3ForCausalLM", ", \"final_logit_softcapping\": 5", null, 5.0)]
    public void Read_Caps_AreThoseOfTheFamily(string architecture, string settings, double? attention, double? logits)
    {
        var config = Assert.IsType<DenseConfig>(Read($"{{\"architectures\": [\"{architecture}\"], {Sizes}{settings}}}"));
        Assert.Equal((attention, logits), (config.AttentionCap, config.LogitCap));
    }

    [Theory]
    [InlineData("\"sliding_window\": 7, \"use_sliding_window\": true", "- - - 7")]
    [InlineData("\"sliding_window\": 7, \"use_sliding_window\": false", null)]
    [InlineData("\"sliding_window\": null, \"use_sliding_window\": true", null)]
    [InlineData("\"sliding_window\": 7", null)]
    public void Read_SmolLm3Windows_AreOnWhereBothKeysSaySo(string setting, string? windows)
    {
        var config = Read($"{{\"architectures\": [\"SmolLM3ForCausalLM\"], {Sizes}, {setting}}}");
        Assert.Equal(windows, config.SlidingWindows.Count == 0 ? null : string.Join(' ', config.SlidingWindows.Select(window => window?.ToString() ?? "-")));
    }

    [Fact]
    public void Read_SmolLm3WindowLayerWhileOff_IsRefused() => Assert.Contains(
        "has 'sliding_attention', where every layer of this architecture is of type full_attention",
        Assert.Throws<HorizonException>(() => Read($$"""{"architectures": ["SmolLM3ForCausalLM"], {{Sizes}}, "layer_types": ["full_attention", "sliding_attention"]}""")).Message,
        StringComparison.Ordinal);

    /// <summary>alpha grows the base by the width of a head, from its own key or from the other two: base * alpha^(width / (width - 2)).</summary>
    [Theory]
    [InlineData("", 8)]
    [InlineData(", \"head_dim\": 12", 12)]
    public void Read_HunyuanAlpha_GoesByTheWidthOfAHead(string setting, double width)
    {
        var rope = "\"rope_theta\": 100.0, \"rope_scaling\": {\"type\": \"dynamic\", \"alpha\": 3.0, \"factor\": 1.0}";
        var config = Read($"{{\"architectures\": [\"HunYuanDenseV1ForCausalLM\"], {Sizes}, {rope}{setting}}}");
        Assert.Equal(100 * Math.Pow(3, width / (width - 2)), config.Rope.Theta, 1e-9);
    }

    private static ModelConfig Read(string json) => ModelRegistry.Default.Read(ConfigJson.Parse(json, "test.json"));
}
