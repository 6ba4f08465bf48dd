using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Qwen3Next;

namespace Horizon.Flow.Models.Qwen35;

/// <summary>Qwen3.5 (text): Qwen3-Next without experts; linear attention's projections are matrices of their own.</summary>
internal sealed class Qwen35Family() : DenseFamily("Qwen3_5ForCausalLM", "qwen3_5_text", new()
{
    MaximumSequenceLength = 32_768,
    SiluAlone = true,
    HeadDimension = 256,
    KeyValueHeads = 4,
    IntermediateSize = 12_288,
    RotatedFraction = 0.25,
})
{
    /// <summary>
    /// Layers that predict further tokens are no part of the model (transformers leaves them out); the state's type is fp32 here; positions of images, which text alone
    /// does not have; which layers would be dense, where all are.
    /// </summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = [.. Shared, "mlp_only_layers"];

    /// <summary>The same of the model with experts.</summary>
    public static IReadOnlyCollection<string> Shared { get; } =
    [
        "mtp_num_hidden_layers", "mtp_use_dedicated_embeddings", "mamba_ssm_dtype", "rope_parameters.mrope_section", "rope_parameters.mrope_interleaved",
        "rope_scaling.mrope_section", "rope_scaling.mrope_interleaved",
    ];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common) => ReadShared(json, common);

    /// <summary>What both models of Qwen3.5 have. Switches of the published files, which transformers does not have, must say what it does.</summary>
    public static DenseConfig ReadShared(ConfigJson json, DenseConfig common)
    {
        DecoderReader.RequireFlag(json, "attn_output_gate");
        DecoderReader.Require(json, "output_gate_type", "swish");
        return Qwen3NextFamily.ReadShared(json, common, fusedByHead: false);
    }
}
