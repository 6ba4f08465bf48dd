using System.Text.Json;

namespace Horizon.Flow.Bench;

/// <summary>The shape of a published Llama model, as its config.json gives it; the weights are random.</summary>
internal sealed record Shape(string Name, int Hidden, int Intermediate, int Layers, int Heads, int KeyValueHeads, int Vocabulary, bool Tied)
{
    public static Shape SmolLm2Small { get; } = new("SmolLM2 135M", 576, 1536, 30, 9, 3, 49_152, true);

    public static Shape SmolLm2Medium { get; } = new("SmolLM2 360M", 960, 2560, 32, 15, 5, 49_152, true);

    public static Shape TinyLlama { get; } = new("TinyLlama 1.1B", 2048, 5632, 22, 32, 4, 32_000, false);

    public static Shape SmolLm2Large { get; } = new("SmolLM2 1.7B", 2048, 8192, 24, 32, 32, 49_152, true);

    /// <summary>Writes a model folder with config.json alone.</summary>
    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["architectures"] = new[] { "LlamaForCausalLM" },
            ["model_type"] = "llama",
            ["hidden_size"] = Hidden,
            ["intermediate_size"] = Intermediate,
            ["num_hidden_layers"] = Layers,
            ["num_attention_heads"] = Heads,
            ["num_key_value_heads"] = KeyValueHeads,
            ["vocab_size"] = Vocabulary,
            ["tie_word_embeddings"] = Tied,
            ["max_position_embeddings"] = 2048,
            ["rms_norm_eps"] = 1e-5,
            ["rope_theta"] = 10_000.0,
            ["hidden_act"] = "silu",
            ["torch_dtype"] = "bfloat16",
        }));
    }
}
