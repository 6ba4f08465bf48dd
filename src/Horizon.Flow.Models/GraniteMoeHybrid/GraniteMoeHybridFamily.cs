using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Granite;

namespace Horizon.Flow.Models.GraniteMoeHybrid;

/// <summary>Granite 4 where every layer attends and none has experts (Micro, 1B, 350M): Granite with one matrix for gate and up. Layers of Mamba and experts are refused by name.</summary>
internal sealed class GraniteMoeHybridFamily() : DenseFamily("GraniteMoeHybridForCausalLM", "granitemoehybrid", new()
{
    MaximumSequenceLength = 2048,
    IntermediateSize = 11_008,
    Known = ["attention_dropout"],
})
{
    private static readonly Dictionary<string, string> Names = new()
    {
        ["mlp.gate_up_proj"] = "shared_mlp.input_linear",
        ["mlp.down_proj"] = "shared_mlp.output_linear",
    };

    /// <summary>Layers of Mamba and experts, which there are none of; the width of the network is <c>shared_intermediate_size</c>.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } =
    [
        "intermediate_size", "num_experts_per_tok", "router_aux_loss_coef", "output_router_logits", "init_method", "mamba_n_heads", "mamba_n_groups", "mamba_d_state", "mamba_d_head", "mamba_d_conv",
        "mamba_expand", "mamba_chunk_size", "mamba_conv_bias", "mamba_proj_bias", "time_step_min", "time_step_max", "time_step_limit",
    ];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        if (json.Integer("num_local_experts", 0, 1 << 12, 8) is > 0 and var experts)
            throw json.Refuse("num_local_experts", $"{experts} is not supported for this architecture; supported is 0, a model without experts");
        string[] attend = ["attention", "full_attention"];
        if ((WindowReader.Types(json, common.LayerCount, [.. attend, "mamba"]) ?? ["mamba"]).Contains("mamba"))
            throw json.Refuse("layer_types", "has layers of Mamba (all are where the key is missing), which are not supported; supported are layers of type attention");
        DecoderReader.Require(json, "normalization_function", "rmsnorm");
        DecoderReader.Require(json, "position_embedding_type", "rope", "nope");
        return GraniteFamily.ReadShared(json, common) with
        {
            Names = Names,
            FusedGateUp = true,
            IntermediateSize = json.Integer("shared_intermediate_size", 1, DecoderReader.MaximumWidth, 1024),
            UnrotatedLayers = json.Text("position_embedding_type") == "rope" ? new HashSet<int>() : Enumerable.Range(0, common.LayerCount).ToHashSet(),
        };
    }
}
