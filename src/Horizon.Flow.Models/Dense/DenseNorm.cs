using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

/// <summary>A norm over the last axis, statistics in fp32.</summary>
internal static class DenseNorm
{
    /// <param name="config">Kind and epsilon.</param>
    /// <param name="parameters">The unit's.</param>
    /// <param name="role">Of the weight; its bias is used where the unit has one.</param>
    /// <param name="x">[..., width].</param>
    public static Tensor Apply(DenseConfig config, ParameterViews parameters, string role, Tensor x)
    {
        var weight = parameters[role];
        if (config.Norm == NormKind.Rms) return RmsNorm.Apply(x, weight, config.NormEpsilon);
        if (config.Norm == NormKind.LayerNorm)
        {
            var bias = Roles.BiasOf(role);
            return layer_norm(x, [x.shape[^1]], weight, parameters.Contains(bias) ? parameters[bias] : null, config.NormEpsilon);
        }

        var factor = weight.to(float32);
        return (RmsNorm.Unit(x, config.NormEpsilon) * (config.Norm == NormKind.RmsPlusOne ? factor.Plus(1) : factor)).to(x.dtype);
    }

    /// <summary>The same where the unit has that norm; x where it has not.</summary>
    public static Tensor ApplyIfThere(DenseConfig config, ParameterViews parameters, string role, Tensor x) =>
        parameters.Contains(role) ? Apply(config, parameters, role, x) : x;
}
