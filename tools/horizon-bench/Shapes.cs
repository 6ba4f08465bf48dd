using Horizon.Flow.Models;

namespace Horizon.Flow.Bench;

/// <summary>The shapes of real models, with random weights.</summary>
internal static class Shapes
{
    private static readonly Dictionary<string, ModelConfig> _shapes = new([
        KeyValuePair.Create("tiny", Qwen(64, 160, 2, 4, 2, 16, 512, tied: true)),
        KeyValuePair.Create("qwen2.5-0.5b", Qwen(896, 4864, 24, 14, 2, 64, 151_936, tied: true)),
        KeyValuePair.Create("qwen2.5-1.5b", Qwen(1536, 8960, 28, 12, 2, 128, 151_936, tied: true)),
        KeyValuePair.Create("qwen2.5-7b", Qwen(3584, 18_944, 28, 28, 4, 128, 152_064, tied: false)),
        KeyValuePair.Create("qwen2.5-14b", Qwen(5120, 13_824, 48, 40, 8, 128, 152_064, tied: false)),
        KeyValuePair.Create("qwen2.5-72b", Qwen(8192, 29_568, 80, 64, 8, 128, 152_064, tied: false)),
        KeyValuePair.Create("qwen2.5-7b-14layers", Qwen(3584, 18_944, 14, 28, 4, 128, 152_064, tied: false)),
        KeyValuePair.Create("bytes", Qwen(1024, 2816, 8, 16, 4, 64, 256, tied: false)),
        KeyValuePair.Create("small-bytes", Qwen(128, 384, 4, 4, 2, 32, 256, tied: false)),
        .. Enumerable.Range(1, 5).Select(width => KeyValuePair.Create($"width-{width}x", Qwen(1024 * width, 3072 * width, 4, 8 * width, 2 * width, 128, 4096, tied: false))),
    ]);

    // Experts and linear attention are described by a model's own config.json alone.
    private static readonly Dictionary<string, string> _files = new()
    {
        ["qwen3-30b-a3b"] = """
        {"architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "hidden_size": 2048, "intermediate_size": 6144, "moe_intermediate_size": 768, "num_hidden_layers": 48,
         "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128, "num_experts": 128, "num_experts_per_tok": 8, "norm_topk_prob": true, "vocab_size": 151936,
         "max_position_embeddings": 40960, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "tie_word_embeddings": false, "hidden_act": "silu", "decoder_sparse_step": 1, "mlp_only_layers": []}
        """,
        ["gpt-oss-20b"] = """
        {"architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "hidden_size": 2880, "intermediate_size": 2880, "num_hidden_layers": 24, "num_attention_heads": 64, "num_key_value_heads": 8,
         "head_dim": 64, "num_local_experts": 32, "num_experts_per_tok": 4, "vocab_size": 201088, "max_position_embeddings": 131072, "sliding_window": 128}
        """,
        ["qwen3.5-4b"] = """
        {"architectures": ["Qwen3_5ForCausalLM"], "model_type": "qwen3_5_text", "hidden_size": 2560, "intermediate_size": 9216, "num_hidden_layers": 32, "num_attention_heads": 16, "num_key_value_heads": 4,
         "head_dim": 256, "linear_num_key_heads": 16, "linear_num_value_heads": 32, "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4, "vocab_size": 248320,
         "max_position_embeddings": 262144, "tie_word_embeddings": true, "rope_theta": 10000000.0}
        """,
        ["qwen3-next-80b-a3b"] = """
        {"architectures": ["Qwen3NextForCausalLM"], "model_type": "qwen3_next", "hidden_size": 2048, "intermediate_size": 5120, "num_hidden_layers": 48, "num_attention_heads": 16, "num_key_value_heads": 2,
         "head_dim": 256, "partial_rotary_factor": 0.25, "linear_num_key_heads": 16, "linear_num_value_heads": 32, "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4,
         "num_experts": 512, "num_experts_per_tok": 10, "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "norm_topk_prob": true, "decoder_sparse_step": 1, "mlp_only_layers": [],
         "vocab_size": 151936, "max_position_embeddings": 262144, "rms_norm_eps": 1e-6, "rope_theta": 10000000.0, "tie_word_embeddings": false, "hidden_act": "silu"}
        """,
    };

    public static IEnumerable<string> Names => [.. _shapes.Keys, .. _files.Keys];

    public static ModelConfig Named(string name) =>
        _files.TryGetValue(name, out var file) ? Read(file)
        : _shapes.TryGetValue(name, out var shape) || _shapes.TryGetValue($"qwen2.5-{name}", out shape) ? shape
        : throw new HorizonException($"there is no shape '{name}'; there are {string.Join(", ", Names)}");

    private static ModelConfig Read(string json)
    {
        var folder = Directory.CreateTempSubdirectory("horizon-shape");
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "config.json"), json);
            return ModelFolder.ReadConfig(folder.FullName);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static ModelConfig Qwen(int hidden, int intermediate, int layers, int heads, int keyHeads, int headWidth, int vocabulary, bool tied) => new()
    {
        Architecture = "Qwen2ForCausalLM",
        HiddenSize = hidden,
        IntermediateSize = intermediate,
        LayerCount = layers,
        HeadCount = heads,
        KeyValueHeadCount = keyHeads,
        HeadDimension = headWidth,
        VocabularySize = vocabulary,
        TiedHead = tied,
        MaximumSequenceLength = 32_768,
        QueryKeyValueBias = true,
        Rope = new RopeConfig { Theta = 1_000_000 },
    };
}
