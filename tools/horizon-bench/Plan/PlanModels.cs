namespace Horizon.Flow.Bench;

/// <summary>Published shapes as their <c>config.json</c> gives them; the weights are random.</summary>
internal static class PlanModels
{
    public const string Qwen25Small = """
        {"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","hidden_size":896,"intermediate_size":4864,"num_hidden_layers":24,"num_attention_heads":14,"num_key_value_heads":2,
        "vocab_size":151936,"max_position_embeddings":131072,"rms_norm_eps":1e-6,"rope_theta":1000000.0,"tie_word_embeddings":true,"hidden_act":"silu"}
        """;

    public const string Qwen25Medium = """
        {"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","hidden_size":1536,"intermediate_size":8960,"num_hidden_layers":28,"num_attention_heads":12,"num_key_value_heads":2,
        "vocab_size":151936,"max_position_embeddings":131072,"rms_norm_eps":1e-6,"rope_theta":1000000.0,"tie_word_embeddings":true,"hidden_act":"silu"}
        """;

    public const string Qwen25Large = """
        {"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","hidden_size":2048,"intermediate_size":11008,"num_hidden_layers":36,"num_attention_heads":16,"num_key_value_heads":2,
        "vocab_size":151936,"max_position_embeddings":131072,"rms_norm_eps":1e-6,"rope_theta":1000000.0,"tie_word_embeddings":true,"hidden_act":"silu"}
        """;

    public const string Qwen3 = """
        {"architectures":["Qwen3ForCausalLM"],"model_type":"qwen3","hidden_size":2048,"intermediate_size":6144,"num_hidden_layers":28,"num_attention_heads":16,"num_key_value_heads":8,"head_dim":128,
        "vocab_size":151936,"max_position_embeddings":40960,"rms_norm_eps":1e-6,"rope_theta":1000000.0,"tie_word_embeddings":true,"hidden_act":"silu"}
        """;

    public const string Llama32 = """
        {"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":2048,"intermediate_size":8192,"num_hidden_layers":16,"num_attention_heads":32,"num_key_value_heads":8,"head_dim":64,
        "vocab_size":128256,"max_position_embeddings":131072,"rms_norm_eps":1e-5,"rope_theta":500000.0,"tie_word_embeddings":true,"hidden_act":"silu",
        "rope_scaling":{"rope_type":"llama3","factor":32.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192}}
        """;

    public const string Gemma3 = """
        {"architectures":["Gemma3ForCausalLM"],"model_type":"gemma3_text","hidden_size":1152,"intermediate_size":6912,"num_hidden_layers":26,"num_attention_heads":4,"num_key_value_heads":1,"head_dim":256,
        "vocab_size":262144,"max_position_embeddings":32768,"rms_norm_eps":1e-6,"rope_theta":1000000.0,"rope_local_base_freq":10000.0,"sliding_window":512,"sliding_window_pattern":6,"query_pre_attn_scalar":256,
        "tie_word_embeddings":true,"hidden_activation":"gelu_pytorch_tanh"}
        """;

    /// <summary>Qwen3-30B-A3B, 6 of its 48 layers.</summary>
    public const string Experts = """
        {"architectures":["Qwen3MoeForCausalLM"],"model_type":"qwen3_moe","hidden_size":2048,"intermediate_size":6144,"moe_intermediate_size":768,"num_experts":128,"num_experts_per_tok":8,"norm_topk_prob":true,
        "num_hidden_layers":6,"num_attention_heads":32,"num_key_value_heads":4,"head_dim":128,"vocab_size":151936,"max_position_embeddings":40960,"rms_norm_eps":1e-6,"rope_theta":1000000.0,
        "tie_word_embeddings":false,"hidden_act":"silu"}
        """;

    /// <summary>A Llama that two processors train: 256 wide.</summary>
    public const string Small = """
        {"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":256,"intermediate_size":1024,"num_hidden_layers":8,"num_attention_heads":4,"num_key_value_heads":4,
        "vocab_size":512,"max_position_embeddings":4096,"rms_norm_eps":1e-5,"rope_theta":10000.0,"tie_word_embeddings":false,"hidden_act":"silu"}
        """;
}
