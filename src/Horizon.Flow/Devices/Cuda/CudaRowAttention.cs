using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Devices;

/// <summary>The queries' gradients by <c>Kernels/attention.cu</c>: heads of 128 channels in bf16, by tensor cores that generation 9 alone has.</summary>
internal sealed class CudaRowAttention(CudaKernels kernels) : IRowAttention
{
    // As attention.cu names them.
    private const int Tile = 128;
    private const int Width = 128;
    private const int Threads = 384;

    /// <summary>Two matrices of a block, and keys and values of two stages; their barriers; and what it takes to begin at a multiple of 1,024.</summary>
    public const int SharedBytes = (6 * Tile * Width * 2) + 128 + 1024;

    public bool Takes(long width, ScalarType type) =>
        type == ScalarType.BFloat16 && width == Width && kernels.Generation == 9 && SharedBytes <= kernels.LargestSharedBytes;

    public Tensor QueryGradients(Tensor query, Tensor key, Tensor value, Tensor output, Tensor gradient, Tensor sums, double scale)
    {
        kernels.LoadAttention();
        var (rows, heads, sequence) = (sums.shape[0], sums.shape[1], sums.shape[2]);
        var result = empty(query.shape, query.dtype, query.device);
        kernels.Launch("attention_queries", rows * heads * ((sequence + Tile - 1) / Tile), Threads, SharedBytes,
            query, key, value, output, gradient, sums, result, query.stride(0), rows, heads, heads / key.shape[1], sequence, (float)scale);
        return result;
    }
}
