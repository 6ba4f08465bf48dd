using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Dense;

/// <summary>
/// The text model within one that sees images or hears, too: its configuration stands under <c>text_config</c>, its tensors under a name of their own (<see cref="NestedNames"/>). Images
/// and sound never reach it here, and what is for them is neither loaded nor written.
/// </summary>
/// <param name="architecture">Of the whole, under <c>architectures</c>.</param>
/// <param name="modelType">Of the whole, under <c>model_type</c>.</param>
/// <param name="olderNames">How its tensors are called where no weights say it.</param>
/// <param name="texts">The families that the text model may be of: <c>text_config.model_type</c> says which, the first where it is silent.</param>
internal sealed class NestedTextFamily(string architecture, string modelType, bool olderNames, params DenseFamily[] texts) : IModelFamily
{
    private const string Nested = "text_config";
    private const string Tied = "tie_word_embeddings";

    /// <inheritdoc/>
    public string Architecture => architecture;

    /// <inheritdoc/>
    public string ModelType => modelType;

    /// <summary>What is for images and sound; and, under <c>text_config</c>, what is harmless to the text model.</summary>
    public IReadOnlyCollection<string> HarmlessKeys { get; } =
    [
        "vision_config", "audio_config", "image_token_id", "image_token_index", "video_token_id", "audio_token_id", "vision_start_token_id", "vision_end_token_id", "language_model_only",
        "boi_token_id", "boi_token_index", "eoi_token_id", "eoi_token_index", "boa_token_id", "eoa_token_id", "eoa_token_index", "mm_tokens_per_image", "vision_soft_tokens_per_image",
        "projector_hidden_act", "vision_feature_layer", "multimodal_projector_bias", "spatial_merge_size",
        .. texts.SelectMany(text => text.HarmlessKeys).Distinct().Select(key => $"{Nested}.{key}"),
    ];

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var nested = json.Object(Nested) ?? throw json.Refuse(Nested, "is missing");
        // A quantized file says so at the top.
        DecoderReader.RefuseUnsupported(json, new() { MaximumSequenceLength = 1 });
        _ = json.Number("initializer_range", 0, 1e3, 0.02);
        var type = nested.Text("model_type");
        var text = type is null ? texts[0] : Array.Find(texts, one => one.ModelType == type)
            ?? throw nested.Refuse("model_type", $"'{type}' is not supported within {architecture}; supported are {string.Join(", ", texts.Select(one => one.ModelType))}");
        var config = (DenseConfig)text.Read(nested);
        if (nested.Has(Tied) && json.Has(Tied) && json.Flag(Tied, false) != nested.Flag(Tied, false))
            throw json.Refuse(Tied, $"says something other than {Nested}.{Tied}; make them the same");
        return NestedNames.Give(config, olderNames) with
        {
            Architecture = architecture,
            TiedHead = json.Flag(Tied, config.TiedHead),
            CheckpointType = config.CheckpointType ?? DecoderReader.ReadType(json),
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);
}
