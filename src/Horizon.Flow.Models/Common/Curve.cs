using Horizon.Flow.Units;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Horizon.Flow.Models.Common;

/// <summary>Applies an <see cref="Activation"/>.</summary>
internal static class Curve
{
    /// <param name="activation">Which.</param>
    /// <param name="x">Any shape.</param>
    public static Tensor Apply(Activation activation, Tensor x) => activation switch
    {
        Activation.Silu => x.silu(),
        Activation.Gelu => x.gelu(),
        Activation.QuickGelu => x * x.Times(1.702).sigmoid(),
        Activation.Relu => x.relu(),
        Activation.SquaredRelu => x.relu().Squared(),
        _ => gelu(x, TorchSharp.Modules.GELU.Approximate.tanh),
    };
}
