namespace Horizon.Flow.Models.Common;

/// <summary>Reads a feed-forward network's curve by the names that transformers has for it.</summary>
internal static class ActivationReader
{
    /// <param name="json">The file.</param>
    /// <param name="key">The family's key.</param>
    /// <param name="fallback">What transformers assumes where it is missing.</param>
    public static Activation Read(ConfigJson json, string key = "hidden_act", string fallback = "silu") => (json.Text(key) ?? fallback) switch
    {
        "silu" or "swish" => Activation.Silu,
        "gelu" => Activation.Gelu,
        "gelu_pytorch_tanh" or "gelu_new" or "gelu_fast" => Activation.GeluTanh,
        "quick_gelu" => Activation.QuickGelu,
        "relu" => Activation.Relu,
        "relu2" => Activation.SquaredRelu,
        var other => throw json.Refuse(key, $"'{other}' is not supported; supported are silu, gelu, gelu_new, gelu_fast, gelu_pytorch_tanh, quick_gelu, relu and relu2"),
    };

    /// <param name="json">The file.</param>
    /// <param name="defaults">The family's.</param>
    public static Activation Read(ConfigJson json, DecoderDefaults defaults)
    {
        var activation = Read(json, defaults.ActivationKey, defaults.Activation);
        return activation == Activation.Silu || !defaults.SiluAlone ? activation
            : throw json.Refuse(defaults.ActivationKey, $"'{json.Text(defaults.ActivationKey)}' is not supported for this architecture; supported is silu");
    }
}
