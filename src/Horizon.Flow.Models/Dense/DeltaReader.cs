using Horizon.Flow.Models.Common;

namespace Horizon.Flow.Models.Dense;

/// <summary>Reads linear attention's keys, which Qwen3-Next and Qwen3.5 share, and which layers have it.</summary>
internal static class DeltaReader
{
    private const string Linear = "linear_attention";

    /// <param name="json">The file.</param>
    /// <param name="fusedByHead">See <see cref="DeltaConfig.FusedByHead"/>.</param>
    public static DeltaConfig Read(ConfigJson json, bool fusedByHead)
    {
        int Of(string key, int missing) => json.Integer(key, 1, 1 << 16, missing);
        var delta = new DeltaConfig(
            Of("linear_num_key_heads", 16), Of("linear_num_value_heads", 32), Of("linear_key_head_dim", 128), Of("linear_value_head_dim", 128), Of("linear_conv_kernel_dim", 4), fusedByHead);
        if (delta.ValueHeads % delta.KeyHeads != 0)
            throw json.Refuse("linear_num_value_heads", $"({delta.ValueHeads}) must be a multiple of linear_num_key_heads ({delta.KeyHeads})");
        foreach (var (key, heads, width) in new[] { ("linear_key_head_dim", delta.KeyHeads, delta.KeyWidth), ("linear_value_head_dim", delta.ValueHeads, delta.ValueWidth) })
            if ((long)heads * width > DecoderReader.MaximumWidth) throw json.Refuse(key, $"({width}) times {heads} heads is wider than {DecoderReader.MaximumWidth:N0}");
        return delta;
    }

    /// <summary>The layers with linear attention: <c>layer_types</c> names them; where that is missing, all but every so many.</summary>
    public static IReadOnlySet<int> Layers(ConfigJson json, int layers)
    {
        var interval = json.Integer("full_attention_interval", 1, int.MaxValue, 4);
        var types = WindowReader.Types(json, layers, Linear, "full_attention");
        return Enumerable.Range(0, layers).Where(layer => types is null ? (layer + 1) % interval != 0 : types[layer] == Linear).ToHashSet();
    }
}
