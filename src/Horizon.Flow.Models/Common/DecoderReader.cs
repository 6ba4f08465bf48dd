using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Models.Common;

/// <summary>Reads what all decoder families share. Bounds keep every later product within 64 bits.</summary>
internal static class DecoderReader
{
    public const int MaximumWidth = 1 << 24;
    public const int MaximumLayers = 2_048; // each takes some kilobytes before anything is allocated; real models have less than 200

    // Known to other families or to older code, and supported where they are off.
    private static readonly string[] Flags =
        ["rope_interleaved", "use_mrope", "alibi", "qk_layernorm", "use_qk_norm", "is_encoder_decoder", "add_cross_attention", "tie_encoder_decoder"];

    private static readonly string[] Dropouts =
        ["attention_dropout", "attn_pdrop", "attention_probs_dropout_prob", "hidden_dropout", "hidden_dropout_prob", "resid_pdrop", "embd_pdrop", "residual_dropout", "embedding_dropout"];

    /// <param name="json">The file.</param>
    /// <param name="architecture">The family's name.</param>
    /// <param name="maximumSequenceLength">What transformers assumes where max_position_embeddings is missing.</param>
    /// <param name="headDimension">What it assumes where head_dim is missing; null for hidden_size / num_attention_heads.</param>
    public static ModelConfig Read(ConfigJson json, string architecture, int maximumSequenceLength, int? headDimension = null) =>
        Read(json, architecture, new DecoderDefaults { MaximumSequenceLength = maximumSequenceLength, HeadDimension = headDimension });

    /// <param name="json">The file.</param>
    /// <param name="architecture">The family's name.</param>
    /// <param name="defaults">Its own keys and defaults.</param>
    public static ModelConfig Read(ConfigJson json, string architecture, DecoderDefaults defaults)
    {
        RefuseUnsupported(json, defaults);
        var hidden = json.Integer("hidden_size", 1, MaximumWidth);
        var heads = json.Integer("num_attention_heads", 1, MaximumWidth, defaults.Heads);
        var keyValueHeads = json.Integer("num_key_value_heads", 1, MaximumWidth, defaults.KeyValueHeads ?? heads);
        var vocabulary = json.Integer("vocab_size", 1, 1 << 28, defaults.Vocabulary);
        var maximumSequenceLength = json.Integer("max_position_embeddings", 1, int.MaxValue, defaults.MaximumSequenceLength);
        if (heads % keyValueHeads != 0)
            throw json.Refuse("num_attention_heads", $"({heads}) must be a multiple of num_key_value_heads ({keyValueHeads})");
        if (!json.Has("head_dim") && defaults.HeadDimension is null && hidden % heads != 0)
            throw json.Refuse("hidden_size", $"({hidden}) must be a multiple of num_attention_heads ({heads}) where head_dim is missing");
        var head = json.Integer("head_dim", 1, 1 << 16, defaults.HeadDimension ?? Math.Max(1, hidden / heads));
        if (head % 2 != 0) throw json.Refuse("head_dim", $"({head}) must be even: the rotary embedding turns pairs");

        return new ModelConfig
        {
            Architecture = architecture,
            VocabularySize = vocabulary,
            HiddenSize = hidden,
            IntermediateSize = json.Integer("intermediate_size", 1, MaximumWidth, defaults.IntermediateSize),
            LayerCount = json.Integer("num_hidden_layers", 1, MaximumLayers),
            HeadCount = heads,
            KeyValueHeadCount = keyValueHeads,
            HeadDimension = head,
            MaximumSequenceLength = maximumSequenceLength,
            NormEpsilon = json.Number(defaults.NormEpsilonKey, 0, 1, defaults.NormEpsilon),
            Rope = defaults.RopeByLayerType ? new RopeConfig() : RopeReader.Read(json, defaults, maximumSequenceLength, head),
            TiedHead = json.Flag("tie_word_embeddings", defaults.TiedHead),
            PaddingToken = ReadPadding(json, vocabulary),
            InitializerRange = json.Number("initializer_range", 0, 1e3, 0.02),
            CheckpointType = ReadType(json),
        };
    }

    /// <summary>Refuses what no family supports, and what this one does not; asks for every such key.</summary>
    /// <param name="json">The file.</param>
    /// <param name="defaults">The family's.</param>
    public static void RefuseUnsupported(ConfigJson json, DecoderDefaults defaults)
    {
        foreach (var key in Dropouts)
            if (json.Number(key, 0, 1, 0) != 0 && !defaults.Known.Contains(key)) throw json.Refuse(key, "is not supported; set it to 0");
        foreach (var key in Flags.Where(key => !defaults.Known.Contains(key)).Concat(defaults.Refused)) RefuseFlag(json, key);
        // Empty where nothing is pruned; what is in it is not understood.
        json.Object("pruned_heads");
        QuantizationReader.RefuseUnread(json, defaults.Quantization);
    }

    /// <summary>Refuses a flag that is true.</summary>
    public static void RefuseFlag(ConfigJson json, string key)
    {
        if (json.Flag(key, false)) throw json.Refuse(key, "is not supported for this architecture; set it to false");
    }

    /// <summary>Refuses a flag that is false; true where it is missing.</summary>
    public static void RequireFlag(ConfigJson json, string key)
    {
        if (!json.Flag(key, true)) throw json.Refuse(key, "false is not supported for this architecture");
    }

    /// <summary>Refuses a key that has another value than those that are supported.</summary>
    public static void Require(ConfigJson json, string key, params string[] supported)
    {
        if (json.Text(key) is { } text && !supported.Contains(text)) throw json.Refuse(key, $"'{text}' is not supported; supported {(supported.Length == 1 ? "is" : "are")} {string.Join(" and ", supported)}");
    }

    /// <summary>Refuses a number that is not the one that is supported.</summary>
    public static void Require(ConfigJson json, string key, double only)
    {
        if (json.Number(key, -1e9, 1e9, only) is var number && number != only) throw json.Refuse(key, $"{number} is not supported; supported is {only}");
    }

    // torch counts a negative padding_idx from the end (Llama 2 was published with -1).
    public static int? ReadPadding(ConfigJson json, int vocabulary)
    {
        if (!json.Has("pad_token_id")) return null;
        var token = json.Integer("pad_token_id", -vocabulary, vocabulary - 1);
        return token < 0 ? token + vocabulary : token;
    }

    public static ElementType? ReadType(ConfigJson json) => (json.Text("dtype") ?? json.Text("torch_dtype")) switch
    {
        "float32" => ElementType.Float32,
        "bfloat16" => ElementType.BFloat16,
        "float16" => ElementType.Float16,
        _ => null,
    };
}
