using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Devices;

// Letters: B batch, S sequence, T = B * S tokens, N chunks of all rows, K key heads, V value heads, C channels of the convolution.

/// <summary>One pass of linear attention on a GPU. Keeps in bf16 the heads, what is written, each chunk's inverse, scores and state, and the rule's output.</summary>
internal sealed class CudaDeltaStep : IWrittenStep
{
    private const int Threads = 256;
    private const int Warps = Threads / 32;

    private readonly CudaKernels _kernels;
    private readonly DeltaHeads _heads;
    private readonly long _rows, _sequence;
    private readonly Tensor _mixed_TC, _taps_CP, _gate_TVE, _weight_E;
    private readonly Tensor? _documents_BS;
    private readonly Tensor _heads_TC, _decays, _inverses, _scores, _states, _written_TVE, _mixed_TVE;
    private readonly double _epsilon;
    private readonly List<Tensor> _kept = [];

    public CudaDeltaStep(CudaKernels kernels, DeltaInputs inputs, DeltaHeads heads, Tensor? documents, bool keeps)
    {
        (_kernels, _heads, _epsilon, _rows, _sequence) = (kernels, heads, inputs.Epsilon, inputs.Mixed.shape[0], inputs.Mixed.shape[1]);
        kernels.LoadDelta();
        using var scope = NewDisposeScope();
        (_mixed_TC, _taps_CP, _gate_TVE, _weight_E) = (Kept(inputs.Mixed), Kept(inputs.Taps), Kept(inputs.Gate), Kept(inputs.NormWeight));
        _documents_BS = documents is null ? null : Kept(documents);
        var (decay_TV, strength_TV) = (inputs.Decay.detach().contiguous(), inputs.Strength.detach().contiguous());
        const long Square = DeltaSizes.Chunk * DeltaSizes.Chunk;

        _heads_TC = Empty(Tokens, heads.Channels);
        Launch("delta_convolve", Groups((Tokens + 15) / 16 * (heads.Channels / DeltaSizes.Width)), 0,
            _mixed_TC, _taps_CP, _documents_BS, _heads_TC, Tokens, _sequence, (long)heads.Channels, (long)heads.Keys, QueryScale);
        _decays = Own(empty([Chunks * heads.Values, DeltaSizes.Decays / sizeof(float)], float32, _mixed_TC.device));
        (_inverses, _scores) = (Empty(Chunks * heads.Values, Square), Empty(Chunks * heads.Values, Square));
        Launch("delta_chunk", Chunks * heads.Keys, DeltaSizes.InChunk, _heads_TC, decay_TV, strength_TV, _documents_BS, _decays, _inverses, _scores, _sequence, RowChunks, Keys, Values);
        _states = Empty(Chunks * heads.Values, DeltaSizes.Width * DeltaSizes.Width);
        _written_TVE = Empty(Tokens, heads.Values * DeltaSizes.Width);
        Launch("delta_states", _rows * heads.Values * 2, DeltaSizes.States, _heads_TC, _decays, _inverses, _states, _written_TVE, _sequence, RowChunks, Keys, Values);
        _mixed_TVE = Empty(Tokens, heads.Values * DeltaSizes.Width);
        Launch("delta_output", Chunks * heads.Values, DeltaSizes.Output, _heads_TC, _decays, _scores, _states, _written_TVE, _mixed_TVE, _sequence, RowChunks, Keys, Values);
        Output = empty_like(_mixed_TVE).view(_rows, _sequence, -1);
        Launch("delta_norm", Groups(Tokens * heads.Values), 0, _mixed_TVE, _gate_TVE, _weight_E, Output, Tokens * heads.Values, (float)_epsilon);
        Output = Output.MoveToOuterDisposeScope();
        if (!keeps) return;
        foreach (var tensor in _kept) tensor.DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Output { get; }

    private long Tokens => _rows * _sequence;

    private long RowChunks => (_sequence + DeltaSizes.Chunk - 1) / DeltaSizes.Chunk;

    private long Chunks => _rows * RowChunks;

    private long Keys => _heads.Keys;

    private long Values => _heads.Values;

    private static float QueryScale => (float)(1 / Math.Sqrt(DeltaSizes.Width));

    /// <inheritdoc/>
    public IReadOnlyList<Tensor?> Backward(Tensor outputGradient)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var gradient = outputGradient.contiguous();
        var rows = Tokens * Values;
        var (mixedGradient, gateGradient, weightGradient) = (empty_like(_mixed_TVE), empty_like(_gate_TVE), empty_like(_weight_E));
        var blocks = Math.Min(Groups(rows), 8L * _kernels.Processors);
        var shares = empty([blocks, DeltaSizes.Width], float32, gradient.device);
        Launch("delta_norm_backward", blocks, DeltaSizes.Norm, gradient, _mixed_TVE, _gate_TVE, _weight_E, mixedGradient, gateGradient, shares, rows, (float)_epsilon);
        Sum(shares, weightGradient);

        var (stateGradients, adjoints) = (empty_like(_states), empty_like(_written_TVE));
        Launch("delta_adjoints", _rows * Values * 2, DeltaSizes.Adjoints,
            _heads_TC, _decays, _inverses, _scores, mixedGradient, stateGradients, adjoints, _sequence, RowChunks, Keys, Values);
        var headGradients = empty_like(_heads_TC);
        var decayGradient = empty([_rows, _sequence, Values], float32, gradient.device);
        var strengthGradient = empty_like(decayGradient);
        Launch("delta_gradients", Chunks * Keys, DeltaSizes.Gradients,
            _heads_TC, _decays, _states, stateGradients, _written_TVE, adjoints, mixedGradient, headGradients, decayGradient, strengthGradient, _sequence, RowChunks, Keys, Values);

        var (inputGradient, tapsGradient) = (empty_like(_mixed_TC), empty_like(_taps_CP));
        var groups = (Tokens + 255) / 256;
        shares = empty([groups, _taps_CP.numel()], float32, gradient.device);
        Launch("delta_convolve_backward", groups * (_heads.Channels / DeltaSizes.Width), DeltaSizes.Convolution,
            headGradients, _mixed_TC, _taps_CP, _documents_BS, inputGradient, shares, Tokens, _sequence, (long)_heads.Channels, Keys, QueryScale);
        Sum(shares, tapsGradient);
        return [.. new[] { inputGradient, tapsGradient, decayGradient, strengthGradient, gateGradient, weightGradient }.Select(found => found.MoveToOuterDisposeScope())];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _kept) tensor.Dispose();
    }

    private static long Groups(long warps) => (warps + Warps - 1) / Warps;

    private void Launch(string name, long blocks, int sharedBytes, params ReadOnlySpan<KernelArgument> arguments) => _kernels.Launch(name, blocks, Threads, sharedBytes, arguments);

    // The blocks' shares, added up in order.
    private void Sum(Tensor shares, Tensor result) =>
        _kernels.Launch("norm_weight_gradient", (shares.shape[1] + 31) / 32, 1024, 0, shares, shares.shape[0], shares.shape[1], result);

    private Tensor Empty(params ReadOnlySpan<long> shape) => Own(empty(shape, bfloat16, _mixed_TC.device));

    // Rows at addresses that kernels can read sixteen bytes from; a parameter's may lie anywhere.
    private Tensor Kept(Tensor x)
    {
        var whole = x.detach().contiguous();
        return Own(((KernelArgument)whole).Bits % 16 == 0 ? whole : whole.clone());
    }

    private Tensor Own(Tensor x)
    {
        _kept.Add(x);
        return x;
    }
}
