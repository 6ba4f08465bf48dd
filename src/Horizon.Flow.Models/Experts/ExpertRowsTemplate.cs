using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Experts;

// Letters: n rows, H hidden.

/// <summary>Rows through one expert each, [n, H] of [n, H]. Derived by autograd.</summary>
/// <param name="products">Of the part's experts.</param>
/// <param name="experts_n1">int64: each row's, among these.</param>
internal sealed class ExpertRowsTemplate(ExpertProducts products, Tensor experts_n1) : AutogradTemplate
{
    /// <inheritdoc/>
    protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(batch);
        return products.Results(parameters, input, experts_n1, batch.Operators).squeeze(1);
    }
}
