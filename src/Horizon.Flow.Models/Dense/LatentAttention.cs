using Horizon.Flow.Models.Attention;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

// Letters: B batch, S sequence, Q heads, R rotated channels.

/// <summary>Causal attention of a <see cref="LatentConfig"/>: keys and values of all heads are made from the narrow vector, as training has it.</summary>
internal sealed class LatentAttention(DenseConfig config, LatentConfig latent, RotaryEmbedding rotary, int? slidingWindow)
{
    // transformers leaves it at its default whatever rms_norm_eps says.
    private const double NormEpsilon = 1e-6;

    /// <param name="parameters">The layer's.</param>
    /// <param name="x_BSH">Normed input.</param>
    /// <param name="batch">Positions and mask.</param>
    /// <returns>[B, S, H].</returns>
    public Tensor Apply(ParameterViews parameters, Tensor x_BSH, DeviceBatch batch)
    {
        var (B, S, Q) = (x_BSH.shape[0], x_BSH.shape[1], (long)config.HeadCount);
        var query = Queries(parameters, x_BSH).view(B, S, Q, latent.KeyWidth);
        var (plainQuery, turnedQuery) = (query.narrow(-1, 0, latent.PlainWidth), query.narrow(-1, latent.PlainWidth, latent.RotatedWidth));
        var compressed = DenseLinear.Apply(config, parameters, Roles.LatentKeyValue, x_BSH);
        var narrow = RmsNorm.Apply(compressed.narrow(-1, 0, latent.KeyValueRank), parameters[Roles.LatentKeyValueNorm], NormEpsilon);
        var wide = DenseLinear.Apply(config, parameters, Roles.KeyValue, narrow).view(B, S, Q, latent.PlainWidth + latent.ValueWidth);
        var turnedKey_BS1R = compressed.narrow(-1, latent.KeyValueRank, latent.RotatedWidth).unsqueeze(2);

        query = cat([plainQuery, rotary.Apply(turnedQuery, batch)], -1);
        var key = cat([wide.narrow(-1, 0, latent.PlainWidth), rotary.Apply(turnedKey_BS1R, batch).expand(-1, -1, Q, -1)], -1);
        // A GPU's flash attention takes heads of one width alone.
        var value = wide.narrow(-1, latent.PlainWidth, latent.ValueWidth);
        if (latent.ValueWidth < latent.KeyWidth) value = cat([value, zeros([B, S, Q, latent.KeyWidth - latent.ValueWidth], value.dtype, value.device)], -1);
        if (batch.Recall is { } recall) (key, value) = (recall.Extend(parameters, Roles.LatentKeyValue, key), recall.Extend(parameters, Roles.KeyValue, value));
        var mixed_BSQD = CausalMixing.Mix(query, key, value, config.AttentionScale, slidingWindow, batch);
        return DenseLinear.Apply(config, parameters, Roles.Output, mixed_BSQD.narrow(-1, 0, latent.ValueWidth).flatten(2));
    }

    private Tensor Queries(ParameterViews parameters, Tensor x_BSH)
    {
        if (latent.QueryRank is null) return DenseLinear.Apply(config, parameters, Roles.Query, x_BSH);
        var narrow = RmsNorm.Apply(DenseLinear.Apply(config, parameters, Roles.LatentQuery, x_BSH), parameters[Roles.LatentQueryNorm], NormEpsilon);
        return DenseLinear.Apply(config, parameters, Roles.QueryOfLatent, narrow);
    }
}
