using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

// Letters: B batch, S sequence, K key heads, G value heads of each, V = K * G, D key width, E value width.

/// <summary>
/// Linear attention of a <see cref="DeltaConfig"/>: queries, keys and values through a short convolution and a curve, the gated delta rule, a norm of each
/// value head, and a gate; by kernels where the device has them for such heads.
/// </summary>
internal sealed class DeltaAttention(DenseConfig config, DeltaConfig delta)
{
    private readonly DeltaHeads _heads = new(delta.KeyHeads, delta.ValueHeads, delta.KeyWidth, delta.ValueWidth, delta.Taps);

    /// <param name="parameters">The layer's.</param>
    /// <param name="x_BSH">Normed input.</param>
    /// <param name="batch">Where documents lie, and what the device can do.</param>
    /// <param name="record">Takes what a device computes by kernels, whose backward is written out.</param>
    /// <returns>[B, S, H].</returns>
    public Tensor Apply(ParameterViews parameters, Tensor x_BSH, DeviceBatch batch, UnitRecord record)
    {
        var (mixed, gate, strength, decay) = Project(parameters, x_BSH);
        // -exp(a) * softplus(x + b): the state shrinks, never grows.
        var time = Softplus(decay.to(float32).Plus(parameters[Roles.DeltaTimeBias].to(float32)));
        var inputs = new DeltaInputs(
            mixed,
            parameters[Roles.DeltaConvolution].squeeze(1),
            parameters[Roles.DeltaDecay].to(float32).exp().negative() * time,
            strength.to(float32).sigmoid(),
            gate,
            parameters[Roles.DeltaNorm],
            config.NormEpsilon);
        var gated = batch.Operators.Delta is { } kernels && kernels.Takes(_heads, x_BSH.dtype)
            ? record.Step(inputs.Tensors, keeps => kernels.Run(inputs, _heads, batch.Documents, keeps))
            : Mix(inputs, batch, record);
        return DenseLinear.Apply(config, parameters, Roles.DeltaOutput, gated);
    }

    /// <summary>Roles of the matrices whose products it mixes.</summary>
    public static IReadOnlySet<string> Projections { get; } = new HashSet<string>
        { Roles.DeltaQueryKeyValueGate, Roles.DeltaStrengthTime, Roles.DeltaQueryKeyValue, Roles.DeltaGate, Roles.DeltaStrength, Roles.DeltaTime };

    /// <summary>Numbers for each token that are copied where one product gives them by key head.</summary>
    public double CopiesParts => delta.FusedByHead ? (2 * _heads.Channels) + delta.Values + (2 * delta.ValueHeads) : 0;

    /// <summary>
    /// Bytes that are kept. By libtorch's operators, the convolution's, the rule's and the norm's, and the state of each chunk, in fp32; by kernels the projections, heads, replacements, outputs, each
    /// chunk's inverse, scores and state, in bf16.
    /// </summary>
    public long KeptBytes(BatchShape batch)
    {
        if (ByKernels(batch)) return ((2L * _heads.Channels) + (3L * delta.Values) + (delta.ValueHeads * ((2L * DeltaRule.ChunkLength) + States))) * batch.TokenBytes;
        long head = (10L * delta.ValueWidth) + States + 4;
        var taps = batch is { OnProcessor: true, Packed: false } ? 0 : delta.Taps; // see DocumentTaps
        return (((taps + 3L) * _heads.Channels) + (8L * delta.Keys) + (delta.ValueHeads * head)) * batch.WideTokenBytes;
    }

    /// <summary>Bytes that the backward needs beside them: by kernels the gradients of all but inverses and scores.</summary>
    public long WorkingBytes(BatchShape batch) => ByKernels(batch)
        ? ((2L * _heads.Channels) + (4L * delta.Values) + (delta.ValueHeads * States)) * batch.TokenBytes
        : delta.ValueHeads * ((20L * DeltaRule.ChunkLength) + (24L * delta.KeyWidth) + (12L * delta.ValueWidth) + (9 * States)) * batch.WideTokenBytes;

    // Numbers of a value head's states for each token.
    private long States => (long)delta.KeyWidth * delta.ValueWidth / DeltaRule.ChunkLength;

    private bool ByKernels(BatchShape batch) => batch is { FusedOperators: true, Delta: { } kernels } && kernels.Takes(_heads, bfloat16);

    // [B, S, V E] by libtorch's operators; autograd derives the backward of all but the rule.
    private Tensor Mix(DeltaInputs inputs, DeviceBatch batch, UnitRecord record)
    {
        var mixed = DocumentTaps.Apply(inputs.Mixed, inputs.Taps, batch).silu();
        var (B, S) = (mixed.shape[0], mixed.shape[1]);
        var query_BSKD = mixed.narrow(-1, 0, delta.Keys).view(B, S, delta.KeyHeads, delta.KeyWidth);
        var key_BSKD = mixed.narrow(-1, delta.Keys, delta.Keys).view(query_BSKD.shape);
        var value_BSVE = mixed.narrow(-1, 2 * delta.Keys, delta.Values).view(B, S, delta.ValueHeads, delta.ValueWidth);
        var output = DeltaRule.Mix(query_BSKD, key_BSKD, value_BSVE, inputs.Decay, inputs.Strength, new DeltaChunks(batch, DeltaRule.ChunkLength), record);
        var normed = RmsNorm.Apply(output.to(mixed.dtype), inputs.NormWeight, inputs.Epsilon);
        return (normed.to(float32) * inputs.Gate.to(float32).view(normed.shape).silu()).to(mixed.dtype).flatten(2);
    }

    // [B, S, 2 K D + V E], [B, S, V E], [B, S, V], [B, S, V].
    private (Tensor Mixed, Tensor Gate, Tensor Strength, Tensor Decay) Project(ParameterViews parameters, Tensor x_BSH)
    {
        Tensor Of(string role) => DenseLinear.Apply(config, parameters, role, x_BSH);
        if (!delta.FusedByHead) return (Of(Roles.DeltaQueryKeyValue), Of(Roles.DeltaGate), Of(Roles.DeltaStrength), Of(Roles.DeltaTime));
        var (all, both) = (ByKeyHead(Of(Roles.DeltaQueryKeyValueGate)), ByKeyHead(Of(Roles.DeltaStrengthTime)));
        long values = delta.Group * delta.ValueWidth;
        Tensor Part(long first, long count) => all.narrow(-1, first, count).flatten(2);
        var mixed = cat([Part(0, delta.KeyWidth), Part(delta.KeyWidth, delta.KeyWidth), Part(2 * delta.KeyWidth, values)], -1);
        return (mixed, Part((2 * delta.KeyWidth) + values, values), both.narrow(-1, 0, delta.Group).flatten(2), both.narrow(-1, delta.Group, delta.Group).flatten(2));
    }

    // log(1 + exp x) with libtorch's bits, whose own operator takes scalars (see TensorArithmetic): x itself from 20 on.
    private static Tensor Softplus(Tensor x)
    {
        const double Straight = 20;
        return x.With(Straight, static (x, bound) => x.clamp_max(bound)).exp().log1p().Plus(x.Minus(Straight).relu());
    }

    private Tensor ByKeyHead(Tensor x) => x.view(x.shape[0], x.shape[1], delta.KeyHeads, -1);
}
