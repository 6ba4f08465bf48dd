namespace Horizon.Flow.Models.Common;

/// <summary>Reads a feed-forward network's curve by the names that transformers has for it.</summary>
internal static class ActivationReader
{
    /// <param name="json">The file.</param>
    /// <param name="key">The family's key.</param>
    /// <param name="fallback">What transformers assumes where it is missing.</param>
    public static Activation Read(ConfigJson json, string key, string fallback) => (json.Text(key) ?? fallback) switch
    {
        "silu" or "swish" => Activation.Silu,
        "gelu" => Activation.Gelu,
        "gelu_pytorch_tanh" or "gelu_new" or "gelu_fast" => Activation.GeluTanh,
        var other => throw json.Refuse(key, $"'{other}' is not supported; supported are silu, gelu, gelu_new, gelu_fast and gelu_pytorch_tanh"),
    };
}
