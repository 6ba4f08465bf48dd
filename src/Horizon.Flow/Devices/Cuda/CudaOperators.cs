using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Devices;

/// <summary>
/// The operators between matrix products by kernels of our own for bf16; libtorch's for other types, and for widths and addresses that
/// are not multiples of sixteen bytes.
/// </summary>
internal sealed class CudaOperators : IUnitOperators
{
    private const int Threads = 256;
    private const int SharedBytes = 46 << 10; // 48 KiB without asking, less what the reduction needs
    private readonly EagerOperators _eager = new();
    private readonly CudaKernels _kernels;

    public CudaOperators(CudaKernels kernels, Device device, bool deterministic)
    {
        (_kernels, IsDeterministic) = (kernels, deterministic);
        Fp8 = kernels.HasFp8 ? new CudaFp8Operators(kernels, this, device) : null;
        Delta = new CudaDeltaOperators(kernels);
        RowAttention = new CudaRowAttention(kernels);
    }

    public bool FusesCrossEntropy => true;

    public bool AttendsByDocument => _kernels.Generation >= 8;

    public bool AttendsByRow => _kernels.Generation is 9 or 10;

    /// <inheritdoc/>
    public bool MultipliesGroups(ScalarType type) => type == ScalarType.BFloat16 && _kernels.Generation is 9 or 10;

    public bool IsDeterministic { get; }

    public int Multiprocessors => _kernels.Processors;

    public IFp8Operators? Fp8 { get; }

    public IDeltaOperators? Delta { get; }

    public IRowAttention? RowAttention { get; }

    public NormResult Norm(Tensor x, Tensor? added, Tensor weight, double epsilon) => Norm(x, added, weight, epsilon, null);

    /// <summary>The norm; with its output's largest absolute value, where there is a place for its bits and the kernel computes.</summary>
    public NormResult Norm(Tensor x, Tensor? added, Tensor weight, double epsilon, Tensor? maximum)
    {
        if (!Fits(x.shape[1], x, added)) return _eager.Norm(x, added, weight, epsilon);
        var output = empty_like(x);
        var (sum, inverse) = Norm(x, added, weight, epsilon, output, maximum);
        return new(sum, output, inverse);
    }

    /// <summary>The same of what the kernel takes; without an output it leaves the largest value alone.</summary>
    public (Tensor Sum, Tensor Inverse) Norm(Tensor x, Tensor? added, Tensor weight, double epsilon, Tensor? output, Tensor? maximum)
    {
        var sum = added is null ? x : empty_like(x);
        var inverse = empty([x.shape[0], 1], float32, x.device);
        var (rows, width) = (x.shape[0], x.shape[1]);
        const int RowsOfABlock = Threads / 32;
        // A warp a row as long as its registers hold one, and the weight lies as they are read.
        if (width <= 4096 && ((KernelArgument)weight).Bits % 16 == 0)
        {
            _kernels.Launch($"norm_forward_{(width <= 1024 ? 4 : width <= 2048 ? 8 : 16)}", (rows + RowsOfABlock - 1) / RowsOfABlock, Threads, 0,
                x, added, weight, sum, output, inverse, rows, width, (float)epsilon, maximum);
        }
        else _kernels.Launch("norm_forward", rows, Threads, 0, x, added, weight, sum, output, inverse, width, (float)epsilon, maximum);
        return (sum, inverse);
    }

    public Tensor NormBackward(Tensor gradient, Tensor x, Tensor weight, Tensor inverse, Tensor? added, Tensor? weightGradient) =>
        NormBackward(gradient, x, weight, inverse, added, weightGradient, null);

    /// <summary>Its gradient; and as with the norm its largest absolute value.</summary>
    public Tensor NormBackward(Tensor gradient, Tensor x, Tensor weight, Tensor inverse, Tensor? added, Tensor? weightGradient, Tensor? maximum)
    {
        var width = x.shape[1];
        if (!FitsBackward(width, gradient, x, added))
            return _eager.NormBackward(gradient, x, weight, inverse, added, weightGradient);
        var blocks = Math.Min(x.shape[0], _kernels.Processors * 8L);
        var result = empty_like(x);
        using var partial = empty([blocks, width], float32, x.device);
        _kernels.Launch("norm_backward", blocks, Threads, (int)width * sizeof(float),
            gradient, x, weight, inverse, added, result, partial, x.shape[0], width, maximum);
        if (weightGradient is not null)
            _kernels.Launch("norm_weight_gradient", (width + 31) / 32, 1024, 0, partial, blocks, width, weightGradient);
        return result;
    }

    public void Rotate(Tensor heads, long count, Tensor cosine, Tensor sine, bool backwards)
    {
        var (tokens, all, width) = (heads.shape[0], heads.shape[1], heads.shape[2]);
        if (width % 16 != 0 || !Fits(width, heads, cosine, sine))
        {
            _eager.Rotate(heads, count, cosine, sine, backwards);
            return;
        }

        _kernels.Launch("rotate", Blocks(tokens * count * (width / 16)), Threads, 0,
            heads, cosine, sine, tokens, all, count, width, backwards ? -1f : 1f);
    }

    public Tensor JoinHeads(Tensor query, Tensor key, Tensor value, Tensor cosine, Tensor sine) => JoinHeads(query, key, value, cosine, sine, null);

    /// <summary>All heads; and as with the norm their largest absolute value.</summary>
    public Tensor JoinHeads(Tensor query, Tensor key, Tensor value, Tensor cosine, Tensor sine, Tensor? maximum)
    {
        var (tokens, queries, keys, width) = (query.shape[0], query.shape[1], key.shape[1], query.shape[2]);
        if (!FitsHeads(query, key, value, cosine, sine)) return ((IUnitOperators)_eager).JoinHeads(query, key, value, cosine, sine);
        var heads = empty([tokens, queries + (2 * keys), width], query.dtype, query.device);
        var blocks = Blocks(heads.numel() / 16);
        _kernels.Launch("join_heads", maximum is null ? blocks : Math.Min(blocks, 32L * _kernels.Processors), Threads, 0,
            query, key, value, cosine, sine, heads, tokens, queries, keys, width, -1f, maximum);
        return heads;
    }

    public Tensor Gate(Tensor gateAndUp) => Gate(gateAndUp, null);

    /// <summary>The gate's output, and as with the norm its largest absolute value.</summary>
    public Tensor Gate(Tensor gateAndUp, Tensor? maximum)
    {
        var (rows, width) = (gateAndUp.shape[0], gateAndUp.shape[1] / 2);
        if (!Fits(width, gateAndUp)) return _eager.Gate(gateAndUp);
        var output = empty([rows, width], gateAndUp.dtype, gateAndUp.device);
        // One block a time for each place on the device where a maximum is raised once a thread.
        var blocks = Blocks(rows * width / 8);
        _kernels.Launch("gate_forward", maximum is null ? blocks : Math.Min(blocks, 32L * _kernels.Processors), Threads, 0, gateAndUp, output, rows * width, width, maximum);
        return output;
    }

    public void GateBackward(Tensor gradient, Tensor gateAndUp)
    {
        var (rows, width) = (gateAndUp.shape[0], gateAndUp.shape[1] / 2);
        if (Fits(width, gradient, gateAndUp))
            _kernels.Launch("gate_backward", Blocks(rows * width / 8), Threads, 0, gradient, gateAndUp, rows * width, width);
        else _eager.GateBackward(gradient, gateAndUp);
    }

    public (Tensor? Gradient, Tensor Losses) CrossEntropy(Tensor logits, Tensor labels, double? scale, double smoothing = 0)
    {
        if (!Fits(logits.shape[1], logits) || !labels.is_contiguous()) return _eager.CrossEntropy(logits, labels, scale, smoothing);
        var losses = empty([logits.shape[0]], float32, logits.device);
        _kernels.Launch("cross_entropy", logits.shape[0], 1024, 0,
            logits, labels, losses, logits.shape[1], (float)(scale ?? 0), (float)smoothing, scale is null ? 0L : 1L);
        return (scale is null ? null : logits, losses);
    }

    private static long Blocks(long items) => (items + Threads - 1) / Threads;

    /// <summary>Whether the kernel of the norm's backward takes such tensors.</summary>
    public static bool FitsBackward(long width, Tensor gradient, Tensor x, Tensor? added) => Fits(width, gradient, x, added) && width * sizeof(float) <= SharedBytes;

    /// <summary>Whether <see cref="JoinHeads(Tensor, Tensor, Tensor, Tensor, Tensor)"/> has a kernel for such tensors.</summary>
    public static bool FitsHeads(Tensor query, Tensor key, Tensor value, Tensor cosine, Tensor sine) => query.shape[2] % 16 == 0 && Fits(query.shape[2], query, key, value, cosine, sine);

    /// <summary>Whether the kernels take such tensors.</summary>
    public static bool Fits(long width, params ReadOnlySpan<Tensor?> tensors)
    {
        if (width % 8 != 0) return false;
        foreach (var tensor in tensors)
        {
            if (tensor is null) continue;
            if (tensor.dtype != bfloat16 || tensor.numel() == 0 || !tensor.is_contiguous() || ((KernelArgument)tensor).Bits % 16 != 0) return false;
        }

        return true;
    }
}
