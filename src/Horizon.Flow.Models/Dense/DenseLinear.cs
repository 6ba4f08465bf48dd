using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

/// <summary>Products with a unit's matrices, biases and adapters added where the unit has them.</summary>
internal static class DenseLinear
{
    /// <param name="config">How matrices are stored.</param>
    /// <param name="parameters">The unit's.</param>
    /// <param name="role">Of the matrix.</param>
    /// <param name="x">[..., in].</param>
    public static Tensor Apply(DenseConfig config, ParameterViews parameters, string role, Tensor x) => Apply(config, parameters, role, role, x);

    /// <summary>Neighbouring matrices as one product.</summary>
    /// <param name="config">How matrices are stored.</param>
    /// <param name="parameters">The unit's.</param>
    /// <param name="first">The first matrix.</param>
    /// <param name="last">The last; stacks only where matrices are stored [out, in].</param>
    /// <param name="x">[..., in].</param>
    public static Tensor Apply(DenseConfig config, ParameterViews parameters, string first, string last, Tensor x)
    {
        var weight = parameters.Stacked(first, last);
        var bias = parameters.Contains(Roles.BiasOf(first)) ? parameters.Stacked(Roles.BiasOf(first), Roles.BiasOf(last)) : null;
        // With grad mode on, libtorch multiplies a view with gaps in another way than without: recomputation would have other bits than forward.
        x = x.contiguous();
        return AdapterProducts.Add(config.Adapter, parameters, first, last, x, linear(x, config.TransposedMatrices ? weight.t() : weight, bias));
    }
}
