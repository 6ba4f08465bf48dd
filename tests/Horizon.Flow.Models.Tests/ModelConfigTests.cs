using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Models.Tests;

public class ModelConfigTests
{
    private const string Numbers =
        "\"hidden_size\": 64, \"intermediate_size\": 160, \"num_hidden_layers\": 4, \"num_attention_heads\": 4, \"vocab_size\": 320";

    [Fact]
    public void ReadConfig_Qwen3Folder_HasEverySetting()
    {
        var config = ModelFolder.ReadConfig(ReferenceFolderTests.Folder("qwen3"));
        Assert.Equal("Qwen3ForCausalLM", config.Architecture);
        Assert.Equal((64, 160, 4, 4, 2, 32), (config.HiddenSize, config.IntermediateSize, config.LayerCount, config.HeadCount, config.KeyValueHeadCount, config.HeadDimension));
        Assert.Equal((320, 256, 1e-6, 0.02, 0), (config.VocabularySize, config.MaximumSequenceLength, config.NormEpsilon, config.InitializerRange, config.PaddingToken));
        Assert.Equal((true, true, false, false, false), (config.TiedHead, config.QueryKeyNorm, config.QueryKeyValueBias, config.AttentionOutputBias, config.FeedForwardBias));
        Assert.Equal(new RopeConfig { Theta = 1e6 }, config.Rope);
        Assert.Equal(ElementType.Float32, config.CheckpointType);
        Assert.All(config.SlidingWindows, window => Assert.Null(window));
    }

    [Theory]
    [InlineData("\"rope_theta\": 5e5, \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}")]
    [InlineData("\"rope_theta\": 500000, \"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 2.0}")]
    [InlineData("\"rope_parameters\": {\"rope_type\": \"linear\", \"factor\": 2, \"rope_theta\": 500000.0}, \"rope_theta\": 3, \"rope_scaling\": null")]
    [InlineData("\"rope_parameters\": {\"rope_type\": \"linear\", \"factor\": 2}, \"rope_theta\": 500000.0")]
    public void Rope_OldAndNewPlaces_AreRead(string rope) =>
        Assert.Equal(new RopeConfig { Theta = 500_000, Kind = RopeKind.Linear, Factor = 2 }, Read("Llama", rope).Rope);

    [Fact]
    public void Rope_Llama3_IsRead() => Assert.Equal(
        new RopeConfig { Theta = 500_000, Kind = RopeKind.Llama3, Factor = 8, LowFrequencyFactor = 1, HighFrequencyFactor = 4, OriginalMaximumSequenceLength = 4096 },
        Read("Llama", """
            "rope_theta": 500000.0, "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 4096, "rope_type": "llama3"}
            """).Rope);

    [Theory]
    [InlineData("\"full_attention\": {\"rope_theta\": 1e6, \"rope_type\": \"default\"}", "")]
    [InlineData("\"full_attention\": {\"rope_theta\": 1e6}, \"sliding_attention\": {\"rope_type\": \"default\"}", ", \"rope_theta\": 1e6")]
    [InlineData("\"full_attention\": {\"rope_theta\": 1e6}, \"sliding_attention\": {\"rope_theta\": 1e4}", ", \"layer_types\": [\"full_attention\", \"full_attention\", \"full_attention\", \"full_attention\"]")]
    public void Rope_ByLayerType_IsReadWhereAllLayersAgree(string byType, string others) =>
        Assert.Equal(new RopeConfig { Theta = 1e6 }, Read("Llama", $"\"rope_parameters\": {{{byType}}}{others}").Rope);

    [Theory]
    [InlineData("\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 1e6}, \"sliding_attention\": {\"rope_theta\": 1e4}}", "differs between layer types (full_attention, sliding_attention)")]
    [InlineData("\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 1e6}, \"rope_theta\": 1e4}", "rope_parameters.rope_theta stands beside settings by layer type")]
    [InlineData("\"rope_parameters\": {\"sliding_attention\": {\"rope_theta\": 1e6}}, \"layer_types\": [\"full_attention\", \"full_attention\", \"full_attention\", \"full_attention\"]", "no settings for layers of type 'full_attention'")]
    [InlineData("\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 1e6, \"beta_fast\": 32}}", "rope_parameters.full_attention.beta_fast")]
    [InlineData("\"rope_parameters\": {\"rope_type\": \"default\"}, \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}", "rope_scaling says something other than rope_parameters")]
    [InlineData("\"rope_scaling\": {\"rope_type\": \"default\", \"type\": \"linear\", \"factor\": 2}", "rope_scaling.type is 'linear' where rope_type is 'default'")]
    [InlineData("\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2, \"attention_factor\": 1.5}", "rope_scaling.attention_factor: not understood")]
    public void Rope_NotUnderstood_IsRefusedByName(string setting, string named) =>
        Assert.Contains(named, Assert.Throws<HorizonException>(() => Read("Llama", setting)).Message, StringComparison.Ordinal);

    /// <summary>Whatever stands in a config.json is read, known to be harmless, or refused by name.</summary>
    [Theory]
    [InlineData("Llama", "\"rope_interleaved\": true", "rope_interleaved is not supported")]
    [InlineData("Llama", "\"hidden_dropout\": 0.1", "hidden_dropout is not supported")]
    [InlineData("Llama", "\"pruned_heads\": {\"0\": [1]}", "pruned_heads.0: not understood for LlamaForCausalLM")]
    [InlineData("Llama", "\"attention_multiplier\": 0.5, \"embedding_multiplier\": 12", "attention_multiplier, embedding_multiplier: not understood for LlamaForCausalLM, and may change what the model computes")]
    [InlineData("Llama", "\"layer_types\": [\"full_attention\", \"sliding_attention\", \"full_attention\", \"full_attention\"]", "has 'sliding_attention', where every layer of this architecture is of type full_attention")]
    [InlineData("Mistral", "\"layer_types\": [\"full_attention\"]", "where every layer of this architecture is of type sliding_attention")]
    [InlineData("Mistral", "\"attention_bias\": true", "attention_bias is not supported")]
    [InlineData("Qwen2", "\"dual_chunk_attention_config\": {\"chunk_size\": 8}", "dual_chunk_attention_config: not understood")]
    [InlineData("Qwen2", "\"use_mrope\": true", "use_mrope is not supported")]
    [InlineData("Qwen3", "\"num_experts\": 8", "num_experts: not understood")]
    public void Read_KeyThatIsNotUnderstood_IsRefusedByName(string family, string setting, string named) =>
        Assert.Contains(named, Assert.Throws<HorizonException>(() => Read(family, setting)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("Llama", "\"transformers_version\": \"4.46\", \"_name_or_path\": \"x\", \"auto_map\": {\"a\": [1]}, \"temperature\": 0.6, \"eos_token_id\": [1, 2], \"pretraining_tp\": 1, \"use_cache\": true, \"pruned_heads\": {}, \"sliding_window\": null, \"unknown\": null")]
    [InlineData("Qwen3", "\"use_sliding_window\": false, \"sliding_window\": null, \"max_window_layers\": 28, \"layer_types\": [\"full_attention\", \"full_attention\", \"full_attention\", \"full_attention\"]")]
    [InlineData("Qwen2", "\"use_mrope\": false, \"max_window_layers\": 21, \"sliding_window\": 32768, \"use_sliding_window\": false, \"dtype\": \"bfloat16\", \"torch_dtype\": \"float32\"")]
    public void Read_KeysThatChangeNothing_AreAccepted(string family, string setting) => Assert.Equal(family + "ForCausalLM", Read(family, setting).Architecture);

    [Theory]
    [InlineData("Llama", "\"sliding_window\": 7", null)]
    [InlineData("Mistral", "\"sliding_window\": 7", "7 7 7 7")]
    [InlineData("Mistral", "\"sliding_window\": null", null)]
    [InlineData("Mistral", "\"rms_norm_eps\": 1e-5", "4096 4096 4096 4096")]
    [InlineData("Qwen2", "\"sliding_window\": 7, \"use_sliding_window\": false", null)]
    [InlineData("Qwen2", "\"sliding_window\": 7, \"use_sliding_window\": true, \"max_window_layers\": 3", "- - - 7")]
    [InlineData("Qwen2", "\"sliding_window\": 7, \"use_sliding_window\": true", "- - - -")]
    [InlineData("Qwen3", "\"sliding_window\": 7, \"use_sliding_window\": true, \"layer_types\": [\"sliding_attention\", \"full_attention\", \"full_attention\", \"sliding_attention\"]", "7 - - 7")]
    public void SlidingWindow_ByFamily_IsRead(string family, string setting, string? windows) => Assert.Equal(
        windows, Read(family, setting) is { SlidingWindows.Count: > 0 } config ? string.Join(' ', config.SlidingWindows.Select(window => window?.ToString() ?? "-")) : null);

    [Theory]
    [InlineData("Llama", "\"attention_bias\": true, \"mlp_bias\": true", true, true, true)]
    [InlineData("Llama", "\"hidden_act\": \"silu\"", false, false, false)]
    [InlineData("Qwen2", "\"hidden_act\": \"silu\"", true, false, false)]
    [InlineData("Qwen3", "\"attention_bias\": true", true, true, false)]
    [InlineData("Mistral", "\"hidden_act\": \"silu\"", false, false, false)]
    public void Biases_ByFamily_AreRead(string family, string setting, bool qkv, bool output, bool feedForward)
    {
        var config = Read(family, setting);
        Assert.Equal((qkv, output, feedForward), (config.QueryKeyValueBias, config.AttentionOutputBias, config.FeedForwardBias));
    }

    [Fact]
    public void HeadDimension_Missing_IsTheFamilysDefault()
    {
        Assert.Equal(16, Read("Llama", "\"head_dim\": null").HeadDimension);
        Assert.Equal(128, Read("Qwen3", "\"head_dim\": null").HeadDimension);
        Assert.Equal(40, Read("Mistral", "\"head_dim\": 40").HeadDimension);
    }

    [Fact]
    public void Padding_Negative_CountsFromTheEnd() => Assert.Equal(319, Read("Llama", "\"pad_token_id\": -1").PaddingToken);

    [Fact]
    public void Read_NoArchitectures_GoesByModelType() =>
        Assert.Equal("Qwen2ForCausalLM", Parse("{\"model_type\": \"qwen2\", " + Numbers + "}").Architecture);

    [Theory]
    [InlineData("\"rope_scaling\": {\"rope_type\": \"spiral\", \"factor\": 4}", "'spiral'")]
    [InlineData("\"rope_scaling\": {\"rope_type\": \"longrope\", \"factor\": 4}", "rope_scaling.short_factor is missing")]
    [InlineData("\"rope_scaling\": {\"rope_type\": \"proportional\"}", "'proportional'")]
    [InlineData("\"rope_scaling\": {\"rope_type\": \"linear\"}", "rope_scaling.factor is missing")]
    [InlineData("\"rope_parameters\": {\"rope_type\": \"default\", \"partial_rotary_factor\": 0.5}", "partial_rotary_factor")]
    [InlineData("\"rope_theta\": 0", "rope_theta")]
    [InlineData("\"hidden_act\": \"mish\"", "mish")]
    [InlineData("\"attention_dropout\": 0.1", "attention_dropout")]
    [InlineData("\"quantization_config\": {}", "quantization_config")]
    [InlineData("\"num_attention_heads\": 5", "must be a multiple of num_attention_heads (5)")]
    [InlineData("\"num_key_value_heads\": 3", "must be a multiple of num_key_value_heads (3)")]
    [InlineData("\"num_key_value_heads\": 0", "num_key_value_heads must be a whole number")]
    [InlineData("\"head_dim\": 15", "must be even")]
    [InlineData("\"hidden_size\": -64", "hidden_size must be")]
    [InlineData("\"hidden_size\": 64.5", "hidden_size must be")]
    [InlineData("\"hidden_size\": \"64\"", "hidden_size must be")]
    [InlineData("\"hidden_size\": 99999999999999999999", "hidden_size must be")]
    [InlineData("\"num_hidden_layers\": 2000000000", "num_hidden_layers must be")]
    [InlineData("\"rms_norm_eps\": 1e999", "rms_norm_eps must be")]
    [InlineData("\"tie_word_embeddings\": 1", "true or false")]
    [InlineData("\"pad_token_id\": 320", "pad_token_id must be")]
    [InlineData("\"vocab_size\": null", "vocab_size is missing")]
    public void Read_BadSetting_IsOneSentenceThatNamesIt(string setting, string named)
    {
        var error = Assert.Throws<HorizonException>(() => Read("Llama", setting));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains("test.json", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("\"sliding_window\": 7, \"use_sliding_window\": true, \"layer_types\": [\"full_attention\"]", "names 1 layers")]
    [InlineData("\"layer_types\": [\"sliding_attention\", \"full_attention\", \"full_attention\", \"full_attention\"]", "turns it off")]
    [InlineData("\"layer_types\": [\"chunked_attention\", \"full_attention\", \"full_attention\", \"full_attention\"]", "chunked_attention")]
    [InlineData("\"sliding_window\": 0, \"use_sliding_window\": true", "sliding_window must be")]
    public void Read_BadWindow_IsRefused(string setting, string named) =>
        Assert.Contains(named, Assert.Throws<HorizonException>(() => Read("Qwen2", setting)).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_UnknownArchitecture_NamesItAndTheKnown()
    {
        var error = Assert.Throws<HorizonException>(() => Read("Mamba", "\"x\": 1"));
        Assert.All(ModelRegistry.Default.Architectures.Append("MambaForCausalLM"), name => Assert.Contains(name, error.Message, StringComparison.Ordinal));
        Assert.Throws<HorizonException>(() => Parse("{}"));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("")]
    [InlineData("{\"hidden_size\": NaN}")]
    public void Parse_NoJsonObject_IsRefused(string text) => Assert.Throws<HorizonException>(() => Parse(text));

    [Fact]
    public void ReadConfig_NoFile_IsRefused() => Assert.Contains(
        "config.json", Assert.Throws<HorizonException>(() => ModelFolder.ReadConfig(AppContext.BaseDirectory)).Message, StringComparison.Ordinal);

    [Fact]
    public void Define_ContradictionOrOverflow_IsRefused()
    {
        var good = Read("Llama", "\"hidden_act\": \"silu\"");
        Assert.Throws<HorizonException>(() => ModelFamilies.Define(good with { KeyValueHeadCount = 3 }));
        Assert.Throws<HorizonException>(() => ModelFamilies.Define(good with { HeadDimension = 7 }));
        Assert.Throws<HorizonException>(() => ModelFamilies.Define(good with { SlidingWindows = [1] }));
        Assert.Throws<HorizonException>(() => ModelFamilies.Define(good with { Rope = new RopeConfig { RotatedFraction = 0.01 } }));
        Assert.Throws<HorizonException>(() => ModelFamilies.Define(good with { HiddenSize = int.MaxValue, VocabularySize = int.MaxValue }));
    }

    /// <summary>The written layer turns whole heads by halves; what it would leave out in silence is refused, with what does it named.</summary>
    [Fact]
    public void Define_RotationThatTheWrittenLayerHasNot_IsRefused()
    {
        var good = Read("Llama", "\"hidden_act\": \"silu\"");
        string Told(RopeConfig rope) => Assert.Throws<HorizonException>(() => ModelFamilies.Define(good with { Rope = rope })).Message;
        Assert.Contains("RopeConfig.Interleaved", Told(new RopeConfig { Interleaved = true }), StringComparison.Ordinal);
        Assert.Contains("does not turn 8 of 16 channels (RopeConfig.RotatedFraction); AutogradDecoderLayerTemplate does", Told(new RopeConfig { RotatedFraction = 0.5 }), StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_KeyTwiceOrHalfASurrogatePair_IsRefusedBeforeAnythingIsTrained()
    {
        Assert.Contains("hidden_size", Assert.Throws<HorizonException>(() => Parse("{\"hidden_size\": 1, \"hidden_size\": 2}")).Message, StringComparison.Ordinal);
        Assert.Throws<HorizonException>(() => Parse("{\"note\": [{\"a\": \"\\ud800\"}]}"));
    }

    // The setting stands in place of the number of the same key.
    private static ModelConfig Read(string family, string setting)
    {
        var others = Numbers.Split(", ").Where(number => !setting.Contains(number[..number.IndexOf(':', StringComparison.Ordinal)], StringComparison.Ordinal));
        return Parse($"{{\"architectures\": [\"{family}ForCausalLM\"], {string.Join(", ", others)}, {setting}}}");
    }

    private static ModelConfig Parse(string text) => ModelRegistry.Default.Read(ConfigJson.Parse(text, "test.json"));
}
