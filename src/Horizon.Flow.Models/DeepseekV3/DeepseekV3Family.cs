using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Experts;

namespace Horizon.Flow.Models.DeepseekV3;

/// <summary>DeepSeek-V3 and R1: latent attention, sigmoid routing with corrections and groups, shared experts.</summary>
internal sealed class DeepseekV3Family() : DenseFamily("DeepseekV3ForCausalLM", "deepseek_v3", new()
{
    MaximumSequenceLength = 4096,
    HeadDimension = 64,
    Interleaved = true,
})
{
    private static readonly ExpertConfig Missing = new() { Count = 256, PerToken = 8, Width = 2048, Scale = 2.5, Groups = 8, ChosenGroups = 4 };

    /// <summary>
    /// Layers that predict further tokens are no part of the model (transformers leaves them out); the balancing loss of its authors' earlier models is not
    /// theirs any more; how experts are spread over machines.
    /// </summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["num_nextn_predict_layers", "aux_loss_alpha", "seq_aux", "ep_size"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        DecoderReader.Require(json, "scoring_func", "sigmoid");
        DecoderReader.Require(json, "topk_method", "noaux_tc");
        DecoderReader.Require(json, "moe_layer_freq", 1);
        var latent = ReadLatent(json);
        DecoderReader.Require(json, "head_dim", latent.RotatedWidth);
        DecoderReader.Require(json, "qk_head_dim", latent.KeyWidth);
        DecoderReader.Require(json, "num_key_value_heads", common.HeadCount);
        return WithAttentionBias(json, common) with
        {
            HeadDimension = latent.RotatedWidth,
            Latent = latent,
            AttentionScale = Scale(json, common) / Math.Sqrt(latent.KeyWidth),
            Rope = common.Rope with { Interleaved = json.Flag("rope_interleave", true) },
            DenseLayers = ExpertReader.FirstLayers(json, common.LayerCount, 3),
            Experts = ExpertReader.ReadGrouped(json, common.LayerCount, Missing),
        };
    }

    private static LatentConfig ReadLatent(ConfigJson json)
    {
        int Width(string key, int missing) => json.Integer(key, 1, 1 << 16, missing);
        var rotated = Width("qk_rope_head_dim", 64);
        if (rotated % 2 != 0) throw json.Refuse("qk_rope_head_dim", $"({rotated}) must be even: the rotary embedding turns pairs");
        return new(json.IsNull("q_lora_rank") ? null : Width("q_lora_rank", 1536), Width("kv_lora_rank", 512), Width("qk_nope_head_dim", 128), rotated, Width("v_head_dim", 128));
    }

    // A stretched context sharpens the scores: by the square of what mscale_all_dim makes of the factor.
    private static double Scale(ConfigJson json, DenseConfig common)
    {
        if (common.Rope.Kind == RopeKind.Default || (json.Object("rope_parameters") ?? json.Object("rope_scaling")) is not { } rope) return 1;
        var all = rope.Number("mscale_all_dim", 0, 1e3, 0);
        var grown = all == 0 || common.Rope.Factor <= 1 ? 1 : (0.1 * all * Math.Log(common.Rope.Factor)) + 1;
        return grown * grown;
    }
}
