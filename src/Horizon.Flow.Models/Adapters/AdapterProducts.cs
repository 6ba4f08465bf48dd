using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Adapters;

// Letters: T tokens, G matrices with adapters, R rank, I in, O out.

/// <summary>What adapters add to a product, with two thin ones: output += scale (x A^T) B^T. W + scale B A itself never exists.</summary>
internal static class AdapterProducts
{
    /// <summary>Adds it in place, with autograd or without.</summary>
    /// <param name="adapter">Null for none.</param>
    /// <param name="parameters">The unit's.</param>
    /// <param name="first">The first matrix of the product.</param>
    /// <param name="last">The last.</param>
    /// <param name="x">[..., I]: the product's input.</param>
    /// <param name="output">[..., O]: what it gave; contiguous.</param>
    /// <returns>The output.</returns>
    public static Tensor Add(AdapterConfig? adapter, ParameterViews parameters, string first, string last, Tensor x, Tensor output)
    {
        if (adapter is null || AdapterGroup.Of(parameters.Layout, first, last) is not { Parts.Count: > 0 } group) return output;
        var (rows_TI, sum_TO) = (x.reshape(-1, x.shape[^1]), output.view(-1, output.shape[^1]));
        var down_TGR = Down(parameters, group, rows_TI);
        for (var i = 0; i < group.Parts.Count; i++)
        {
            var (role, start, width) = group.Parts[i];
            sum_TO.narrow(1, start, width).addmm_(
                down_TGR.narrow(1, i * adapter.Rank, adapter.Rank), parameters[AdapterLayout.RoleOfB(role)].t(), beta: 1, alpha: (float)adapter.Scale);
        }

        return output;
    }

    /// <summary>[T, G * R]: x A^T of all matrices of the group.</summary>
    public static Tensor Down(ParameterViews parameters, AdapterGroup group, Tensor x_TI) => x_TI.mm(parameters.Stacked(group.A.First, group.A.Last).t());
}
