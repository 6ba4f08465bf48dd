using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Examples;

/// <summary>The norm in front of the tiny model's head (Zhang and Sennrich 2019, equation 4), for heads written with autograd.</summary>
public static class RootMeanSquare
{
    /// <summary>x / rms(x), its statistics in fp32, times the weight.</summary>
    /// <param name="x">[..., width].</param>
    /// <param name="weight">[width].</param>
    /// <param name="epsilon">Added to the mean square.</param>
    public static Tensor Norm(Tensor x, Tensor weight, double epsilon)
    {
        ArgumentNullException.ThrowIfNull(x);
        var wide = x.to(float32);
        return weight * (wide * rsqrt(wide.Squared().mean([-1], keepdim: true).Plus(epsilon))).to(x.dtype);
    }
}
