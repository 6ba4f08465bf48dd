using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Dense;

/// <summary>
/// The text model within one that sees images, too: its configuration stands under <c>text_config</c>, its tensors under <c>model.language_model.</c>. Images
/// never reach it here, and what is for them is neither loaded nor written.
/// </summary>
/// <param name="text">The family of the text model alone.</param>
/// <param name="architecture">Of the whole, under <c>architectures</c>.</param>
/// <param name="modelType">Of the whole, under <c>model_type</c>.</param>
internal sealed class NestedTextFamily(DenseFamily text, string architecture, string modelType) : IModelFamily
{
    private const string Prefix = "model.language_model.";
    private const string Nested = "text_config";
    private const string Tied = "tie_word_embeddings";

    /// <inheritdoc/>
    public string Architecture => architecture;

    /// <inheritdoc/>
    public string ModelType => modelType;

    /// <summary>What is for images; and, under <c>text_config</c>, what is harmless to the text model.</summary>
    public IReadOnlyCollection<string> HarmlessKeys { get; } =
    [
        "vision_config", "image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id", "language_model_only", .. text.HarmlessKeys.Select(key => $"{Nested}.{key}"),
    ];

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var nested = json.Object(Nested) ?? throw json.Refuse(Nested, "is missing");
        // A quantized file says so at the top.
        DecoderReader.RefuseUnsupported(json, new() { MaximumSequenceLength = 1 });
        var config = (DenseConfig)text.Read(nested);
        if (nested.Has(Tied) && json.Has(Tied) && json.Flag(Tied, false) != nested.Flag(Tied, false))
            throw json.Refuse(Tied, $"says something other than {Nested}.{Tied}; make them the same");
        return config with
        {
            Architecture = architecture,
            TiedHead = json.Flag(Tied, config.TiedHead),
            CheckpointType = config.CheckpointType ?? DecoderReader.ReadType(json),
            LayerPrefix = $"{Prefix}layers.",
            Names = new Dictionary<string, string>(config.Names) { ["embed_tokens"] = $"{Prefix}embed_tokens", ["norm"] = $"{Prefix}norm" },
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);
}
