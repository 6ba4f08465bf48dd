using System.Text.Json.Nodes;
using Horizon.Flow.Models;
using Horizon.Flow.Tests.Reference;

namespace Horizon.Flow.Tests.Models.Families;

/// <summary>How the families read what a config.json says, in its newer and older forms.</summary>
public class FamilyConfigTests
{
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

    private static ModelConfig Read(string json) => ModelRegistry.Default.Read(ConfigJson.Parse(json, "test.json"));
}
