using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>Root mean square layer normalization (Zhang and Sennrich 2019, equation 4), statistics in fp32 as in transformers.</summary>
internal static class RmsNorm
{
    /// <param name="x">[..., width].</param>
    /// <param name="weight">[width].</param>
    /// <param name="epsilon">Added to the mean square.</param>
    public static Tensor Apply(Tensor x, Tensor weight, double epsilon) => weight * Unit(x, epsilon).to(x.dtype);

    /// <summary>[..., width] fp32: x divided by its root mean square.</summary>
    /// <param name="x">[..., width].</param>
    /// <param name="epsilon">Added to the mean square.</param>
    public static Tensor Unit(Tensor x, double epsilon)
    {
        var wide = x.to(float32);
        return wide * rsqrt(wide.Squared().mean([-1], keepdim: true).Plus(epsilon));
    }
}
