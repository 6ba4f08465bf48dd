using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Phi3;

/// <summary>Phi-3, Phi-3.5, Phi-4 and Phi-4-mini: one matrix for q, k and v, one for gate and up, a part of each head rotated, longrope.</summary>
internal sealed class Phi3Family : IModelFamily
{
    private static readonly DecoderDefaults Defaults = new()
    {
        MaximumSequenceLength = 4096,
        NormEpsilon = 1e-5,
        RotatedFraction = 1,
    };

    /// <inheritdoc/>
    public string Architecture => "Phi3ForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "phi3";

    /// <summary>The original context counts where frequencies are scaled; the others are notes of its authors' own code.</summary>
    public IReadOnlyCollection<string> HarmlessKeys { get; } = ["original_max_position_embeddings", "full_attn_mod", "interpolate_factor"];

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        DecoderReader.RefuseFlag(json, "attention_bias");
        DecoderReader.RefuseFlag(json, "mlp_bias");
        DecoderReader.RefuseFlag(json, "lm_head_bias");
        var config = DecoderReader.Read(json, Architecture, Defaults);
        return new DenseConfig(config)
        {
            FusedQueryKeyValue = true,
            FusedGateUp = true,
            SlidingWindows = WindowReader.ReadOptional(json, config.LayerCount),
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);
}
