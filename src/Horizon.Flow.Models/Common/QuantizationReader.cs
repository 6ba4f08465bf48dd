namespace Horizon.Flow.Models.Common;

/// <summary>Which quantized files are read: those whose tensors the loader knows exactly. They are trained, and written, in the store's own type.</summary>
internal static class QuantizationReader
{
    private const string Key = "quantization_config";

    /// <summary>Refuses a quantization that the loader does not read.</summary>
    /// <param name="json">The file.</param>
    /// <param name="own">A method (<c>quant_method</c>) that only this family's files have; null for none.</param>
    public static void RefuseUnread(ConfigJson json, string? own)
    {
        if (!json.Has(Key)) return;
        if (!json.IsObject(Key) || json.Object(Key) is not { } settings || settings.Text("quant_method") is not { } method) throw Refusal(json);
        // What is left as it was stands in the checkpoint in its own type; how activations are rounded says nothing of weights.
        _ = settings.Texts("modules_to_not_convert");
        _ = settings.Flag("dequantize", true);
        if (method == own) return;
        switch (method)
        {
            case "fp8": ReadFineGrained(settings); break;
            case "compressed-tensors": ReadCompressed(settings); break;
            default: throw Refusal(json);
        }
    }

    // E4M3 with a scale for each block or tensor: DeepSeek-V3, MiniMax-M2, Qwen3's FP8 files, Ministral 3.
    private static void ReadFineGrained(ConfigJson settings)
    {
        foreach (var key in (string[])["activation_scheme", "scale_fmt"]) _ = settings.Has(key);
        _ = settings.Texts("ignored_layers");
        if (settings.Text("fmt") is { } format && format is not ("e4m3" or "float8_e4m3fn")) throw settings.Refuse("fmt", $"'{format}' is not supported; supported is e4m3");
        if (settings.Numbers("weight_block_size", 1, 1 << 20) is { } block && block is not [128, 128])
            throw settings.Refuse("weight_block_size", $"[{string.Join(", ", block)}] is not supported; supported are [128, 128] and null");
    }

    // The same numbers by vLLM's tools. Which scales there are is seen at the tensors; a matrix in another format has none that is found.
    private static void ReadCompressed(ConfigJson settings)
    {
        if (settings.Text("format") is var format and not "float-quantized") throw settings.Refuse("format", $"'{format}' is not supported; supported is float-quantized");
        foreach (var key in (string[])["config_groups", "ignore", "kv_cache_scheme", "quantization_status", "global_compression_ratio", "version"]) _ = settings.Has(key);
        foreach (var key in (string[])["transform_config", "sparsity_config"])
        {
            if (!settings.IsEmpty(key)) throw settings.Refuse(key, "is not supported; supported is {}");
            _ = settings.Has(key);
        }
    }

    private static HorizonException Refusal(ConfigJson json) => json.Refuse(
        Key, "is not supported: weights are read from F32, F16 and BF16, from fp8 with scales (quant_method fp8, or compressed-tensors' float-quantized), and gpt-oss's from mxfp4; take the model's bf16 files");
}
