using System.Text;
using System.Text.Json.Nodes;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Tests.Reference;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;

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
    [InlineData("gemma3", "hidden_activation", "\"mish\"", "'mish' is not supported")]
    [InlineData("gemma3", "attn_logit_softcapping", "50.0", "attn_logit_softcapping is not applied by transformers")]
    [InlineData("gemma3", "layer_types", "[\"chunked_attention\", \"full_attention\", \"full_attention\", \"full_attention\"]", "chunked_attention")]
    [InlineData("gemma3", "sliding_window", "null", "sliding_window is null")]
    [InlineData("gemma3", "num_experts", "4", "num_experts: not understood for Gemma3ForCausalLM")]
    [InlineData("cohere2", "use_qk_norm", "true", "use_qk_norm is not supported")]
    [InlineData("gpt2", "use_mrope", "true", "use_mrope is not supported")]
    [InlineData("gpt2", "hidden_dropout", "0.1", "hidden_dropout is not supported")]
    [InlineData("gpt2", "pruned_heads", "{\"0\": [1]}", "pruned_heads.0: not understood for GPT2LMHeadModel")]
    [InlineData("gpt2", "quantization_config", "{}", "quantization_config is not supported")]
    [InlineData("gpt2", "hidden_act", "\"silu\"", "hidden_act: not understood for GPT2LMHeadModel")]
    [InlineData("gpt2", "n_head", "3", "must be a multiple of n_head (3)")]
    [InlineData("gpt2", "architectures", "[\"Gemma5ForCausalLM\"]", "'Gemma5ForCausalLM' is not known")]
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
    [InlineData("gpt2", "reorder_and_upcast_attn", "true")]
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

    [Theory]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"output_router_logits\": true, \"router_aux_loss_coef\": 0.1", "output_router_logits asks for a load-balancing loss (router_aux_loss_coef 0.1)")]
    [InlineData("MixtralForCausalLM", "\"router_jitter_noise\": 0.1", "router_jitter_noise 0.1 is not supported")]
    [InlineData("MixtralForCausalLM", "\"num_local_experts\": 4, \"num_experts\": 5", "num_experts is 5 where num_local_experts is 4")]
    [InlineData("MixtralForCausalLM", "\"num_local_experts\": 4, \"num_experts_per_tok\": 5", "num_experts_per_tok (5) is more than the 4 experts")]
    [InlineData("MixtralForCausalLM", "\"attention_bias\": true", "attention_bias is not supported")]
    [InlineData("Qwen3MoeForCausalLM", "\"mlp_only_layers\": [4]", "mlp_only_layers must be a list of numbers from 0 to 3")]
    [InlineData("Qwen3MoeForCausalLM", "\"shared_expert_intermediate_size\": 8", "shared_expert_intermediate_size: not understood")]
    [InlineData("GptOssForCausalLM", "\"experts_per_token\": 2", "experts_per_token 2 is not supported; supported is 4")]
    [InlineData("GptOssForCausalLM", "\"quantization_config\": {\"quant_method\": \"gptq\"}", "quantization_config")]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"scoring_func\": \"softmax\"", "scoring_func 'softmax' is not supported; supported is sigmoid")]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"moe_layer_freq\": 2", "moe_layer_freq 2 is not supported")]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 2", "num_key_value_heads 2 is not supported; supported is 4")]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"head_dim\": 10", "head_dim 10 is not supported; supported is 64")]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"n_group\": 3", "n_group (3) must divide the 256 experts")]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"n_group\": 2, \"topk_group\": 3", "topk_group (3) is more than n_group (2)")]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"n_routed_experts\": 8, \"n_group\": 4, \"topk_group\": 1", "num_experts_per_tok (8) is more than the 2 experts of topk_group (1) groups")]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"quantization_config\": {\"quant_method\": \"awq\"}", "quantization_config is not supported")]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"quantization_config\": {\"quant_method\": \"mxfp4\"}", "quantization_config is not supported")]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"quantization_config\": {\"quant_method\": \"fp8\", \"weight_block_size\": [64, 128]}", "quantization_config.weight_block_size [64, 128] is not supported")]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"quantization_config\": {\"quant_method\": \"fp8\", \"fmt\": \"e5m2\"}", "quantization_config.fmt 'e5m2' is not supported")]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"quantization_config\": {\"quant_method\": \"fp8\", \"rotation\": true}", "quantization_config.rotation: not understood")]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"quantization_config\": {\"quant_method\": \"compressed-tensors\", \"format\": \"pack-quantized\"}", "quantization_config.format 'pack-quantized' is not supported")]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"quantization_config\": {\"quant_method\": \"compressed-tensors\", \"format\": \"float-quantized\", \"transform_config\": {\"a\": 1}}", "quantization_config.transform_config is not supported")]
    [InlineData("Glm4MoeForCausalLM", "\"n_shared_experts\": 4096, \"moe_intermediate_size\": 8192", "n_shared_experts makes a network of width 33,554,432")]
    [InlineData("MiniMaxM2ForCausalLM", "\"use_routing_bias\": false", "use_routing_bias false is not supported")]
    [InlineData("MiniMaxM2ForCausalLM", "\"attn_type_list\": [1, 0, 1, 1]", "attn_type_list has other layers")]
    [InlineData("MiniMaxM2ForCausalLM", "\"shared_intermediate_size\": 8", "shared_intermediate_size 8 is not supported")]
    [InlineData("MiniMaxM2ForCausalLM", "\"layernorm_mlp_beta\": 2.0", "layernorm_mlp_beta 2 is not supported")]
    [InlineData("Qwen3NextForCausalLM", "\"linear_num_value_heads\": 24", "linear_num_value_heads (24) must be a multiple of linear_num_key_heads (16)")]
    [InlineData("Qwen3NextForCausalLM", "\"linear_num_value_heads\": 65536, \"linear_value_head_dim\": 512", "linear_value_head_dim (512) times 65536 heads is wider")]
    [InlineData("Qwen3NextForCausalLM", "\"layer_types\": [\"linear_attention\", \"linear_attention\", \"sliding_attention\", \"full_attention\"]", "layer_types has 'sliding_attention'")]
    [InlineData("Qwen3NextForCausalLM", "\"use_sliding_window\": true", "use_sliding_window is not supported")]
    [InlineData("Qwen3NextForCausalLM", "\"hidden_act\": \"gelu\"", "hidden_act 'gelu' is not supported")]
    [InlineData("Qwen3_5ForCausalLM", "\"attn_output_gate\": false", "attn_output_gate false is not supported")]
    [InlineData("Qwen3_5ForCausalLM", "\"output_gate_type\": \"sigmoid\"", "output_gate_type 'sigmoid' is not supported; supported is swish")]
    [InlineData("Qwen3_5ForCausalLM", "\"num_experts\": 4", "num_experts: not understood for Qwen3_5ForCausalLM")]
    [InlineData("Qwen3_5ForCausalLM", "\"vision_config\": {}", "vision_config: not understood for Qwen3_5ForCausalLM")]
    [InlineData("Qwen3_5MoeForCausalLM", "\"mlp_only_layers\": [1]", "mlp_only_layers is not supported")]
    [InlineData("Qwen3_5MoeForCausalLM", "\"norm_topk_prob\": false", "norm_topk_prob false is not supported")]
    [InlineData("Qwen3_5ForConditionalGeneration", "\"use_cache\": true", "text_config is missing")]
    public void Read_NotSupported_IsRefusedByName(string architecture, string settings, string named) => Assert.Contains(
        named, Assert.Throws<HorizonException>(() => Read($"{{\"architectures\": [\"{architecture}\"], {SizesFor(settings)}, {settings}}}")).Message, StringComparison.Ordinal);

    /// <summary>Defaults of transformers' configuration classes, and a loss that is asked for with a factor of zero.</summary>
    [Theory]
    [InlineData("MixtralForCausalLM", "\"output_router_logits\": true, \"router_aux_loss_coef\": 0", 8, 2, 48)]
    [InlineData("Qwen3MoeForCausalLM", "\"num_experts\": 16", 16, 8, 768)]
    [InlineData("GptOssForCausalLM", "\"experts_per_token\": 4", 128, 4, 48)]
    [InlineData("GptOssForCausalLM", "\"quantization_config\": {\"quant_method\": \"mxfp4\", \"modules_to_not_convert\": [\"lm_head\"]}", 128, 4, 48)]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4", 256, 8, 2048)]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"quantization_config\": {\"activation_scheme\": \"dynamic\", \"fmt\": \"e4m3\", \"quant_method\": \"fp8\", \"weight_block_size\": [128, 128]}", 256, 8, 2048)]
    [InlineData("Glm4MoeForCausalLM", "\"quantization_config\": {\"quant_method\": \"compressed-tensors\", \"format\": \"float-quantized\", \"config_groups\": {\"group_0\": {}}, \"ignore\": [\"lm_head\"], \"transform_config\": {}}", 128, 8, 1408)]
    [InlineData("Glm4MoeForCausalLM", "\"num_nextn_predict_layers\": 1", 128, 8, 1408)]
    [InlineData("MiniMaxM2ForCausalLM", "\"use_mtp\": true, \"num_mtp_modules\": 3", 256, 8, 48)]
    public void Read_Experts_AreThoseOfTheFamily(string architecture, string settings, int count, int perToken, int width)
    {
        var config = Assert.IsType<DenseConfig>(Read($"{{\"architectures\": [\"{architecture}\"], {SizesFor(settings)}, {settings}}}"));
        Assert.Equal((count, perToken, width), (config.Experts!.Count, config.Experts.PerToken, config.Experts.Width));
    }

    /// <summary>The factor of the load-balancing loss: the file's, or transformers' default of the family; none where the loss is not asked for.</summary>
    [Theory]
    [InlineData("MixtralForCausalLM", "\"output_router_logits\": true", 0.001)]
    [InlineData("MixtralForCausalLM", "\"router_aux_loss_coef\": 0.02", 0)]
    [InlineData("MixtralForCausalLM", "\"output_router_logits\": true, \"router_aux_loss_coef\": 0.02", 0.02)]
    [InlineData("Qwen3MoeForCausalLM", "\"output_router_logits\": true", 0.001)]
    [InlineData("Qwen3NextForCausalLM", "\"output_router_logits\": true", 0.001)]
    [InlineData("MiniMaxM2ForCausalLM", "\"output_router_logits\": true", 0.001)]
    [InlineData("GptOssForCausalLM", "\"output_router_logits\": true", 0.9)]
    [InlineData("DeepseekV3ForCausalLM", "\"num_key_value_heads\": 4, \"output_router_logits\": true", 0)]
    public void Read_BalancingLoss_IsAskedForByTheFile(string architecture, string settings, double factor) =>
        Assert.Equal(factor, Assert.IsType<DenseConfig>(Read($"{{\"architectures\": [\"{architecture}\"], {SizesFor(settings)}, {settings}}}")).Experts!.Balancing);

    /// <summary>Which layers have linear attention: by name, or all but every so many.</summary>
    [Theory]
    [InlineData("\"rope_theta\": 10000.0", "0 1 2")]
    [InlineData("\"full_attention_interval\": 2", "0 2")]
    [InlineData("\"full_attention_interval\": 2, \"layer_types\": [\"full_attention\", \"full_attention\", \"linear_attention\", \"linear_attention\"]", "2 3")]
    public void Read_LinearLayers_AreThoseThatTheFileNames(string settings, string layers)
    {
        var config = Assert.IsType<DenseConfig>(Read($"{{\"architectures\": [\"Qwen3_5ForCausalLM\"], {Sizes}, {settings}}}"));
        Assert.Equal(layers, string.Join(' ', config.DeltaLayers.Order()));
        Assert.Equal((256, 0.25, new DeltaConfig(16, 32, 128, 128, 4, FusedByHead: false)), (config.HeadDimension, config.Rope.RotatedFraction, config.Delta));
    }

    /// <summary>The text model within one that sees images is the same under other names; what nobody understands is refused there, too.</summary>
    [Fact]
    public void Read_NestedTextModel_IsTheTextModelUnderItsNames()
    {
        var text = Assert.IsType<DenseConfig>(Read($"{{\"architectures\": [\"Qwen3_5ForCausalLM\"], {Sizes}, \"tie_word_embeddings\": true}}"));
        ModelConfig Nested(string inner, string outer) => Read($"{{\"architectures\": [\"Qwen3_5ForConditionalGeneration\"], \"text_config\": {{{Sizes}, \"model_type\": \"qwen3_5_text\"{inner}}}, \"vision_config\": {{\"depth\": 2}}{outer}}}");
        string[] Tensors(ModelConfig config) => [.. ModelFamilies.Define(config).Units.SelectMany(unit => unit.Parameters).Select(slot => $"{slot.TensorName} {string.Join('x', slot.Shape)}")];

        var whole = Nested("", ", \"tie_word_embeddings\": true");
        Assert.Equal(Tensors(text).Select(name => name.Replace("model.", "model.language_model.", StringComparison.Ordinal)), Tensors(whole));
        Assert.True(whole.TiedHead);
        static string Refused(Func<ModelConfig> read) => Assert.Throws<HorizonException>(read).Message;
        Assert.Contains("text_config.num_experts: not understood", Refused(() => Nested(", \"num_experts\": 4", "")), StringComparison.Ordinal);
        Assert.Contains("talker_config: not understood", Refused(() => Nested("", ", \"talker_config\": {}")), StringComparison.Ordinal);
        Assert.Contains("tie_word_embeddings says something other", Refused(() => Nested(", \"tie_word_embeddings\": false", ", \"tie_word_embeddings\": true")), StringComparison.Ordinal);
        Assert.Contains("quantization_config is not supported", Refused(() => Nested("", ", \"quantization_config\": {\"quant_method\": \"awq\"}")), StringComparison.Ordinal);
    }

    /// <summary>Published files call the tensors of a text model within a larger one in two ways; which it is, the weights say.</summary>
    [Theory]
    [InlineData("language_model.model.")]
    [InlineData("model.language_model.")]
    public async Task Read_NestedTextModel_HasTheNamesOfItsWeights(string prefix)
    {
        var alone = Path.Combine(AppContext.BaseDirectory, "data", "families", "gemma3");
        using var folder = new TemporaryFolder();
        var text = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(alone, "config.json")))!.AsObject();
        text.Remove("architectures");
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "config.json"), new JsonObject
        {
            ["architectures"] = new JsonArray("Gemma3ForConditionalGeneration"),
            ["text_config"] = text,
            ["vision_config"] = new JsonObject(),
        }.ToJsonString());
        var weights = await File.ReadAllBytesAsync(Path.Combine(alone, "model.safetensors"));
        var length = (int)BitConverter.ToInt64(weights);
        var header = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(weights, 8, length).Replace("\"model.", $"\"{prefix}", StringComparison.Ordinal));
        await File.WriteAllBytesAsync(Path.Combine(folder.Path, "model.safetensors"), [.. BitConverter.GetBytes((long)header.Length), .. header, .. weights[(8 + length)..]]);

        var model = ModelFamilies.Define(ModelFolder.ReadConfig(folder.Path));
        Assert.All(model.Units.SelectMany(unit => unit.Parameters), slot => Assert.StartsWith(prefix, slot.TensorName, StringComparison.Ordinal));
        using var store = TrainingPlan.For(model).CreateStore(StorePrecision.Fp32);
        using (var checkpoint = WeightFiles.Open(folder.Path)) await StoreLoader.LoadAsync(checkpoint, store.Units);
        var values = StoreValues.Read(store);
        Assert.All(new SafetensorsReader(Path.Combine(alone, "model.safetensors")).AllFloats(), tensor => Assert.Equal(tensor.Value, values[prefix + tensor.Key["model.".Length..]]));
    }

    /// <summary>A head of its own stands within the text model in the older way, and beside it in the newer; a text model of another family is refused.</summary>
    [Fact]
    public void Read_NestedTextModel_HasAHeadOfItsOwn()
    {
        ModelConfig Nested(string architecture, string type) => Read($"{{\"architectures\": [\"{architecture}\"], \"text_config\": {{{Sizes}, \"head_dim\": 8, \"model_type\": \"{type}\", \"tie_word_embeddings\": false}}}}");
        string Head(ModelConfig config) => ModelFamilies.Define(config).Units[^1].Parameters[^1].TensorName;
        Assert.Equal("language_model.lm_head.weight", Head(Nested("Mistral3ForConditionalGeneration", "mistral")));
        Assert.Equal("language_model.lm_head.weight", Head(Nested("Mistral3ForConditionalGeneration", "ministral3")));
        Assert.Equal("lm_head.weight", Head(Nested("Gemma4ForConditionalGeneration", "gemma4_text")));
        Assert.Contains("text_config.model_type 'llama' is not supported within Mistral3ForConditionalGeneration",
            Assert.Throws<HorizonException>(() => Nested("Mistral3ForConditionalGeneration", "llama")).Message, StringComparison.Ordinal);
    }

    /// <summary>What the classes of transformers assume where a file is silent, and an older name.</summary>
    [Fact]
    public void Read_SilentFile_IsWhatTheClassSays()
    {
        ModelConfig Silent(string architecture, string settings = "") => Read($"{{\"architectures\": [\"{architecture}\"], {Sizes}{settings}}}");
        Assert.Equal(500_000, Silent("Olmo3ForCausalLM").Rope.Theta);
        Assert.Equal(10_000, Silent("Olmo2ForCausalLM").Rope.Theta);
        Assert.True(Silent("Glm4ForCausalLM").QueryKeyValueBias);
        Assert.Equivalent(Silent("GraniteForCausalLM"), Silent("GraniteForCausalLM", ", \"attention_dropout\": 0.1"), strict: true);
        var ministral = Assert.IsType<DenseConfig>(Silent("Ministral3ForCausalLM"));
        Assert.Equal((RopeKind.Yarn, 16.0, 16_384, 1.0, 1e6), (ministral.Rope.Kind, ministral.Rope.Factor, ministral.Rope.OriginalMaximumSequenceLength, ministral.Rope.AttentionFactor, ministral.Rope.Theta));
        Assert.Equal((0.1, 16_384), ministral.QueryGrowth);
        Assert.Contains("rope_theta stands alone", Assert.Throws<HorizonException>(() => Silent("Ministral3ForCausalLM", ", \"rope_theta\": 10000.0")).Message, StringComparison.Ordinal);
        const string Factors = "\"short_factor\": [1.0, 1.1, 1.2, 1.3], \"long_factor\": [1.0, 1.7, 2.4, 3.1]";
        ModelConfig Long(string name) => Silent("Phi3ForCausalLM", $", \"max_position_embeddings\": 64, \"original_max_position_embeddings\": 16, \"rope_scaling\": {{\"type\": \"{name}\", {Factors}}}");
        Assert.True(Long("longrope").Rope.IsSameAs(Long("su").Rope));
    }

    [Theory]
    [InlineData("", "4096 4096 4096 4096")]
    [InlineData(", \"sliding_window\": null", null)]
    [InlineData(", \"sliding_window\": 7, \"layer_types\": [\"full_attention\", \"sliding_attention\", \"sliding_attention\", \"full_attention\"]", "- 7 7 -")]
    public void Read_MinistralWindows_AreOnTheLayersThatAreNamed(string setting, string? windows)
    {
        var config = Read($"{{\"architectures\": [\"MinistralForCausalLM\"], {Sizes}{setting}}}");
        Assert.Equal(windows, config.SlidingWindows.Count == 0 ? null : string.Join(' ', config.SlidingWindows.Select(window => window?.ToString() ?? "-")));
    }

    /// <summary>Granite 4 without Mamba and experts is Granite 3 with one matrix for gate and up, under other names; rotated only where the file says so.</summary>
    [Fact]
    public void Read_Granite4WithoutMamba_IsGraniteUnderOtherNames()
    {
        const string Numbers = "\"embedding_multiplier\": 3, \"attention_multiplier\": 0.4, \"residual_multiplier\": 0.5, \"logits_scaling\": 4";
        const string Attend = "\"num_local_experts\": 0, \"layer_types\": [\"attention\", \"attention\", \"attention\", \"attention\"], \"shared_intermediate_size\": 48";
        ModelConfig Four(string settings) => Read($"{{\"architectures\": [\"GraniteMoeHybridForCausalLM\"], {Sizes}, {Numbers}, {settings}}}");
        var (three, four) = (Read($"{{\"architectures\": [\"GraniteForCausalLM\"], {Sizes}, {Numbers}}}"), Four($"{Attend}, \"position_embedding_type\": \"rope\""));
        var (old, model) = (ModelFamilies.Define(three), ModelFamilies.Define(four));
        var random = new Random(3);
        var values = old.Units.SelectMany(unit => unit.Parameters).DistinctBy(slot => slot.TensorName).ToDictionary(
            slot => slot.TensorName, slot => Enumerable.Range(0, (int)slot.Count).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray());
        var renamed = model.Units.SelectMany(unit => unit.Parameters).DistinctBy(slot => slot.TensorName).ToDictionary(slot => slot.TensorName, slot =>
            slot.TensorName.Contains("input_linear", StringComparison.Ordinal)
                ? [.. values[slot.TensorName.Replace("shared_mlp.input_linear", "mlp.gate_proj", StringComparison.Ordinal)], .. values[slot.TensorName.Replace("shared_mlp.input_linear", "mlp.up_proj", StringComparison.Ordinal)]]
                : values[slot.TensorName.Replace("shared_mlp.output_linear", "mlp.down_proj", StringComparison.Ordinal)]);
        long[] ids = [1, 5, 9, 2, 7];
        using var batch = UnitWalk.Batch(new MicroBatch(1, 5, ids, ids, [0, 1, 2, 3, 4]));
        float[] Logits(ModelDefinition definition, Dictionary<string, float[]> weights)
        {
            using var walk = new UnitWalk(definition, weights);
            return walk.Logits(batch);
        }

        Assert.True(Testing.Numbers.RelativeError(Logits(old, values), Logits(model, renamed)) < 1e-6);
        Assert.Equal(4, Assert.IsType<DenseConfig>(Four(Attend)).UnrotatedLayers.Count);
        Assert.Empty(Assert.IsType<DenseConfig>(four).UnrotatedLayers);
        string Refused(string settings) => Assert.Throws<HorizonException>(() => Four(settings)).Message;
        Assert.Contains("num_local_experts 8 is not supported", Refused("\"shared_intermediate_size\": 48"), StringComparison.Ordinal);
        Assert.Contains("layer_types has layers of Mamba", Refused("\"num_local_experts\": 0"), StringComparison.Ordinal);
        Assert.Contains("position_embedding_type 'learned' is not supported; supported are rope and nope", Refused($"{Attend}, \"position_embedding_type\": \"learned\""), StringComparison.Ordinal);
    }

    /// <summary>New weights: norms that stand for one more are zero, but not the one of linear attention; decays between 0 and 16.</summary>
    [Fact]
    public void Define_Qwen35NewWeights_AreThoseOfTransformers()
    {
        var definition = ModelFamilies.Define(Read($"{{\"architectures\": [\"Qwen3_5ForCausalLM\"], {Sizes}}}"));
        float[] Values(string role)
        {
            var slot = definition.Units[1].Parameters.Single(slot => slot.Role == role);
            var values = new float[slot.Count];
            definition.Initialize!(slot, 5, 0, values);
            return values;
        }

        Assert.All(Values("input_layernorm.weight"), value => Assert.Equal(0, value));
        Assert.All(Values("linear_attn.norm.weight"), value => Assert.Equal(1, value));
        Assert.All(Values("linear_attn.dt_bias"), value => Assert.Equal(1, value));
        var decays = Values("linear_attn.A_log").Select(value => Math.Exp(value)).ToList();
        Assert.All(decays, value => Assert.InRange(value, 0, 16.001));
        Assert.InRange(decays.Average(), 5, 11);
    }

    /// <summary>Published files say how much of a head turns by rotary_dim; those that transformers 5.17 wrote have rope_parameters, by which alone it goes.</summary>
    [Theory]
    [InlineData("\"rope_theta\": 5000000", 0.5)]
    [InlineData("\"rope_theta\": 5000000, \"rotary_dim\": 32", 0.25)]
    [InlineData("\"rotary_dim\": 32, \"rope_parameters\": {\"rope_theta\": 5000000.0, \"rope_type\": \"default\"}", 1.0)]
    [InlineData("\"rope_parameters\": {\"rope_theta\": 5000000.0, \"rope_type\": \"default\", \"partial_rotary_factor\": 0.25}", 0.25)]
    public void Read_MiniMaxRotation_GoesByTheFormOfTheFile(string settings, double fraction) =>
        Assert.Equal(fraction, Read($"{{\"architectures\": [\"MiniMaxM2ForCausalLM\"], {Sizes}, {settings}}}").Rope.RotatedFraction);

    [Theory]
    [InlineData("\"num_kv_shared_layers\": 2", "num_kv_shared_layers lets layer 3 use the keys and values of an earlier layer of its kind in layer_types, and there is none before layer 2")]
    [InlineData("\"num_kv_shared_layers\": 4", "num_kv_shared_layers must be a whole number from 0 to 3")]
    [InlineData("\"enable_moe_block\": true", "num_experts is missing")]
    [InlineData("\"enable_moe_block\": true, \"num_experts\": 4, \"top_k_experts\": 5, \"moe_intermediate_size\": 8", "top_k_experts (5) is more than the 4 experts")]
    [InlineData("\"enable_moe_block\": true, \"num_experts\": 4, \"top_k_experts\": 2, \"moe_intermediate_size\": 8, \"output_router_logits\": true, \"router_aux_loss_coef\": 0.1", "output_router_logits asks for a load-balancing loss")]
    [InlineData("\"layer_types\": [\"full_attention\", \"sliding_attention\", \"sliding_attention\", \"full_attention\"], \"num_kv_shared_layers\": 1, \"per_layer_config\": {\"3\": {\"head_dim\": 24}}", "per_layer_config gives layer 3 heads of another shape than layer 0")]
    [InlineData("\"use_bidirectional_attention\": \"all\"", "use_bidirectional_attention 'all' is not supported")]
    [InlineData("\"vocab_size_per_layer_input\": 12", "vocab_size_per_layer_input must be a whole number from 13")]
    [InlineData("\"per_layer_config\": {\"3\": {\"intermediate_size\": 8}}", "per_layer_config.3.intermediate_size: not understood")]
    [InlineData("\"per_layer_config\": {\"4\": {\"head_dim\": 8}}", "per_layer_config.4: not understood")]
    [InlineData("\"attention_k_eq_v\": true, \"num_global_key_value_heads\": 3", "must be a multiple of the 3 key/value heads of layer 3")]
    public void Read_Gemma4NotSupported_IsRefusedByName(string settings, string named) => Assert.Contains(
        named, Assert.Throws<HorizonException>(() => Read($"{{\"architectures\": [\"Gemma4ForCausalLM\"], {Sizes}, {settings}}}")).Message, StringComparison.Ordinal);

    /// <summary>Heads of layers that see everything, by the published key and by that of transformers 5.17.</summary>
    [Theory]
    [InlineData("\"head_dim\": 16", 512, 2, false)]
    [InlineData("\"head_dim\": 16, \"global_head_dim\": 32", 32, 2, false)]
    [InlineData("\"head_dim\": 16, \"global_head_dim\": 32, \"attention_k_eq_v\": true, \"num_global_key_value_heads\": 1", 32, 1, true)]
    [InlineData("\"head_dim\": 16, \"per_layer_config\": {\"3\": {\"head_dim\": 24, \"num_key_value_heads\": 4}}", 24, 4, false)]
    public void Read_Gemma4Heads_DifferWhereALayerSeesEverything(string settings, int width, int keys, bool same)
    {
        var config = Assert.IsType<DenseConfig>(Read($"{{\"architectures\": [\"Gemma4ForCausalLM\"], {Sizes}, {settings}}}"));
        Assert.Equal(new HeadShape(width, keys, same), config.HeadShapes[3]);
        Assert.All([0, 1, 2], layer => Assert.Equal(new HeadShape(16, 2, false), config.HeadShapes[layer]));
        Assert.Equal(new int?[] { 512, 512, 512, null }, config.SlidingWindows);
        Assert.Equal((1_000_000, RopeKind.Proportional, 10_000), (config.Rope.Theta, config.Rope.Kind, config.SlidingRope!.Theta));
    }

    [Fact]
    public void Read_DeepseekYarn_SharpensTheScores()
    {
        var rope = "\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 40, \"mscale\": 1.0, \"mscale_all_dim\": 1.0, \"original_max_position_embeddings\": 4096, \"beta_fast\": 32, \"beta_slow\": 1}";
        var config = Assert.IsType<DenseConfig>(Read($"{{\"architectures\": [\"DeepseekV3ForCausalLM\"], {SizesFor("num_key_value_heads")}, \"num_key_value_heads\": 4, {rope}}}"));
        var grown = (0.1 * Math.Log(40)) + 1;
        Assert.Equal(grown * grown / Math.Sqrt(192), config.AttentionScale!.Value, 1e-12);
        Assert.Equal(1, config.Rope.AttentionFactor, 1e-12);
    }

    // A key may stand once.
    private static string SizesFor(string settings) =>
        settings.Contains("num_key_value_heads", StringComparison.Ordinal) ? Sizes.Replace(", \"num_key_value_heads\": 2", "", StringComparison.Ordinal) : Sizes;

    private static ModelConfig Read(string json) => ModelRegistry.Default.Read(ConfigJson.Parse(json, "test.json"));
}
