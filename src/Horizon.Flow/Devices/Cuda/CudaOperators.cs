using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Devices;

/// <summary>
/// The operators between matrix products by kernels of our own for bf16; libtorch's for other types, and for widths and addresses that
/// are not multiples of sixteen bytes.
/// </summary>
internal sealed class CudaOperators(CudaKernels kernels, bool deterministic) : IUnitOperators
{
    private const int Threads = 256;
    private const int SharedBytes = 46 << 10; // 48 KiB without asking, less what the reduction needs
    private readonly EagerOperators _eager = new();

    public bool FusesCrossEntropy => true;

    public bool AttendsByDocument => kernels.Generation >= 8;

    public bool AttendsByRow => kernels.Generation is 9 or 10;

    /// <inheritdoc/>
    public bool MultipliesGroups(ScalarType type) => type == ScalarType.BFloat16 && kernels.Generation is 9 or 10;

    public bool IsDeterministic => deterministic;

    public int Multiprocessors => kernels.Processors;

    public NormResult Norm(Tensor x, Tensor? added, Tensor weight, double epsilon)
    {
        if (!Fits(x.shape[1], x, added)) return _eager.Norm(x, added, weight, epsilon);
        var sum = added is null ? x : empty_like(x);
        var output = empty_like(x);
        var inverse = empty([x.shape[0], 1], float32, x.device);
        kernels.Launch("norm_forward", x.shape[0], Threads, 0, x, added, weight, sum, output, inverse, x.shape[1], (float)epsilon);
        return new(sum, output, inverse);
    }

    public Tensor NormBackward(Tensor gradient, Tensor x, Tensor weight, Tensor inverse, Tensor? added, Tensor? weightGradient)
    {
        var width = x.shape[1];
        if (!Fits(width, gradient, x, added) || width * sizeof(float) > SharedBytes)
            return _eager.NormBackward(gradient, x, weight, inverse, added, weightGradient);
        var blocks = Math.Min(x.shape[0], kernels.Processors * 8L);
        var result = empty_like(x);
        using var partial = empty([blocks, width], float32, x.device);
        kernels.Launch("norm_backward", blocks, Threads, (int)width * sizeof(float),
            gradient, x, weight, inverse, added, result, partial, x.shape[0], width);
        if (weightGradient is not null)
            kernels.Launch("norm_weight_gradient", (width + 31) / 32, 1024, 0, partial, blocks, width, weightGradient);
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

        kernels.Launch("rotate", Blocks(tokens * count * (width / 16)), Threads, 0,
            heads, cosine, sine, tokens, all, count, width, backwards ? -1f : 1f);
    }

    public Tensor Gate(Tensor gateAndUp)
    {
        var (rows, width) = (gateAndUp.shape[0], gateAndUp.shape[1] / 2);
        if (!Fits(width, gateAndUp)) return _eager.Gate(gateAndUp);
        var output = empty([rows, width], gateAndUp.dtype, gateAndUp.device);
        kernels.Launch("gate_forward", Blocks(rows * width / 8), Threads, 0, gateAndUp, output, rows * width, width);
        return output;
    }

    public void GateBackward(Tensor gradient, Tensor gateAndUp)
    {
        var (rows, width) = (gateAndUp.shape[0], gateAndUp.shape[1] / 2);
        if (Fits(width, gradient, gateAndUp))
            kernels.Launch("gate_backward", Blocks(rows * width / 8), Threads, 0, gradient, gateAndUp, rows * width, width);
        else _eager.GateBackward(gradient, gateAndUp);
    }

    public (Tensor? Gradient, Tensor Losses) CrossEntropy(Tensor logits, Tensor labels, double? scale, double smoothing = 0)
    {
        if (!Fits(logits.shape[1], logits) || !labels.is_contiguous()) return _eager.CrossEntropy(logits, labels, scale, smoothing);
        var losses = empty([logits.shape[0]], float32, logits.device);
        kernels.Launch("cross_entropy", logits.shape[0], 1024, 0,
            logits, labels, losses, logits.shape[1], (float)(scale ?? 0), (float)smoothing, scale is null ? 0L : 1L);
        return (scale is null ? null : logits, losses);
    }

    private static long Blocks(long items) => (items + Threads - 1) / Threads;

    private static bool Fits(long width, params ReadOnlySpan<Tensor?> tensors)
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
