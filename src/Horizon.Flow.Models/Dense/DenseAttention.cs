using Horizon.Flow.Models.Attention;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

// Letters: B batch, S sequence, Q query heads, K key/value heads, D head width.

/// <summary>Causal attention as a <see cref="DenseConfig"/> describes it.</summary>
internal sealed class DenseAttention(DenseConfig config, RotaryEmbedding? rotary, int? slidingWindow)
{
    /// <param name="parameters">The layer's.</param>
    /// <param name="x_BSH">Normed input.</param>
    /// <param name="batch">Positions and mask.</param>
    /// <param name="shared_BSW">The keys and values of an earlier layer, where this one has none of its own; null where it has.</param>
    /// <param name="record">Takes what has a backward of its own.</param>
    /// <returns>[B, S, H], and the keys and values of the batch's tokens side by side, where other layers use them.</returns>
    public (Tensor Output, Tensor? Shared) Apply(ParameterViews parameters, Tensor x_BSH, DeviceBatch batch, Tensor? shared_BSW, UnitRecord record)
    {
        if (shared_BSW is not null) return (Attend(parameters, x_BSH, batch, shared_BSW.unflatten(2, [2, config.KeyValueHeadCount, config.HeadDimension]), record), null);
        var (query, key, value, gate) = Project(parameters, x_BSH);
        if (config.ValueNorm) value = RmsNorm.Unit(value, config.NormEpsilon).to(value.dtype);
        if (config.QueryKeyNorms == QueryKeyNormKind.Heads) (query, key) = Normed(parameters, query, key);
        if (config.QueryKeyNorms == QueryKeyNormKind.Whole)
        {
            (query, key) = Normed(parameters, query.flatten(2), key.flatten(2));
            (query, key) = (query.view(value.shape[0], value.shape[1], -1, config.HeadDimension), key.view(value.shape));
        }

        if (rotary is not null) (query, key) = (rotary.Apply(query, batch), rotary.Apply(key, batch));
        if (config.QueryKeyNorms == QueryKeyNormKind.HeadsAfterRotation) (query, key) = Normed(parameters, query, key);
        if (config.QueryGrowth is { } growth) query *= Growth(growth.Beta, growth.Context, batch).to(query.dtype);
        var shared = config.SharedKeys is null ? null : cat([key.flatten(2), value.flatten(2)], -1);
        if (batch.Recall is { } recall) (key, value) = (recall.Extend(parameters, Roles.Key, key), recall.Extend(parameters, Roles.Value, value));
        var mixed_BSQD = Mix(parameters, query, key, value, batch, record);
        if (gate is not null) mixed_BSQD *= gate.sigmoid();
        return (DenseLinear.Apply(config, parameters, Roles.Output, mixed_BSQD.flatten(2)), shared);
    }

    // Queries alone, over another layer's keys and values.
    private Tensor Attend(ParameterViews parameters, Tensor x_BSH, DeviceBatch batch, Tensor both_BS2KD, UnitRecord record)
    {
        var query = DenseLinear.Apply(config, parameters, Roles.Query, x_BSH).view(x_BSH.shape[0], x_BSH.shape[1], -1, config.HeadDimension);
        if (config.QueryKeyNorms == QueryKeyNormKind.Heads) query = DenseNorm.Apply(config, parameters, Roles.QueryNorm, query);
        if (rotary is not null) query = rotary.Apply(query, batch);
        var (key, value) = (both_BS2KD.select(2, 0), both_BS2KD.select(2, 1));
        if (batch.Recall is { } recall) (key, value) = (recall.Extend(parameters, Roles.Key, key), recall.Extend(parameters, Roles.Value, value));
        var mixed_BSQD = Mix(parameters, query, key, value, batch, record);
        return DenseLinear.Apply(config, parameters, Roles.Output, mixed_BSQD.flatten(2));
    }

    private (Tensor Query, Tensor Key, Tensor Value, Tensor? Gate) Project(ParameterViews parameters, Tensor x_BSH)
    {
        var (Q, K, D) = (config.HeadCount, config.KeyValueHeadCount, config.HeadDimension);
        var heads = config.FusedQueryKeyValue
            ? DenseLinear.Apply(config, parameters, Roles.QueryKeyValue, x_BSH)
            : DenseLinear.Apply(config, parameters, Roles.Query, config.KeysAreValues ? Roles.Key : Roles.Value, x_BSH);
        if (config.FusedByHead)
        {
            var byHead = heads.view(x_BSH.shape[0], x_BSH.shape[1], Q, 3 * D);
            return (byHead.narrow(-1, 0, D), byHead.narrow(-1, D, D), byHead.narrow(-1, 2 * D, D), null);
        }

        heads = heads.view(x_BSH.shape[0], x_BSH.shape[1], -1, D);
        if (config.KeysAreValues) return (heads.narrow(2, 0, Q), heads.narrow(2, Q, K), heads.narrow(2, Q, K), null);
        if (config.GatedAttention)
        {
            var opened = heads.narrow(2, 0, 2 * Q).unflatten(2, [Q, 2]);
            return (opened.select(3, 0), heads.narrow(2, 2 * Q, K), heads.narrow(2, (2 * Q) + K, K), opened.select(3, 1));
        }

        return (heads.narrow(2, 0, Q), heads.narrow(2, Q, K), heads.narrow(2, Q + K, K), null);
    }

    private (Tensor Query, Tensor Key) Normed(ParameterViews parameters, Tensor query, Tensor key) => (
        DenseNorm.Apply(config, parameters, Roles.QueryNorm, query),
        DenseNorm.Apply(config, parameters, Roles.KeyNorm, key));

    private double Scale => config.AttentionScale ?? (1 / Math.Sqrt(config.HeadDimension));

    private Tensor Mix(ParameterViews parameters, Tensor query, Tensor key, Tensor value, DeviceBatch batch, UnitRecord record)
    {
        var rule = new ScoreRule(Scale, config.AttentionCap);
        return !config.Sinks && BlockAttention.Takes(rule, query.dtype, query.device.type == TorchSharp.DeviceType.CPU)
            ? BlockAttention.Mix(query, key, value, rule, slidingWindow, batch, record)
            : CausalMixing.Mix(query, key, value, config.AttentionScale, slidingWindow, batch, AttendOf(parameters), config.Sinks ? parameters[Roles.Sinks] : null);
    }

    // How scores that are more than products are computed; null where they are not.
    private Func<Tensor, Tensor, Tensor, Tensor?, Tensor>? AttendOf(ParameterViews parameters)
    {
        if (!config.Sinks) return null;
        var sinks = parameters[Roles.Sinks];
        return (query, key, value, mask) => SinkAttention.Mix(query.Times(Scale), key, value, sinks, mask?.view(1, 1, mask.shape[0], mask.shape[1]));
    }

    // [B, S, 1, 1] fp32.
    private static Tensor Growth(double beta, int context, DeviceBatch batch) => batch.Shared(
        ("query growth", beta, context),
        () => batch.Positions.to(float32).Over(context).floor().log1p().Times(beta).Plus(1).unsqueeze(-1).unsqueeze(-1));
}
