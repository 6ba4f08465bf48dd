using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>
/// A part of the backward of causal attention over whole rows, by a kernel of the device's own. cuDNN's backward gives the same gradients of keys and values run after run, and those of
/// queries with sums in no fixed order; these are in one.
/// </summary>
public interface IRowAttention
{
    /// <summary>Whether the device computes such heads.</summary>
    /// <param name="width">Channels of a head.</param>
    /// <param name="type">Of the heads.</param>
    bool Takes(long width, ScalarType type);

    /// <summary>The queries' gradients.</summary>
    /// <param name="query">[T, Q, D]; like keys and values a part of the heads of all tokens [T, Q + 2 K, D].</param>
    /// <param name="key">[T, K, D]; K divides Q.</param>
    /// <param name="value">[T, K, D].</param>
    /// <param name="output">[T, Q, D], contiguous: attention's output.</param>
    /// <param name="gradient">[T, Q, D], contiguous: of the output.</param>
    /// <param name="sums">[B, Q, S] fp32, contiguous: the logarithm of each softmax's sum.</param>
    /// <param name="scale">Of the scores.</param>
    /// <returns>[T, Q, D], in the caller's dispose scope.</returns>
    Tensor QueryGradients(Tensor query, Tensor key, Tensor value, Tensor output, Tensor gradient, Tensor sums, double scale);
}
