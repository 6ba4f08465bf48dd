using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Experts;

// Letters: n rows, H hidden.

/// <summary>Rows through one expert each, times their weights: [n, H] fp32 of [n, H + 2] (<see cref="PartRows.Of"/>). Derived by autograd.</summary>
/// <param name="config">Of the part: its experts, one for each row.</param>
/// <param name="hidden">H.</param>
/// <param name="activation">f of the experts.</param>
/// <param name="adapter">Adapters; null for none.</param>
internal sealed class ExpertRowsTemplate(ExpertConfig config, long hidden, Activation activation, AdapterConfig? adapter) : AutogradTemplate
{
    private readonly ExpertProducts _products = new(config, activation, adapter);

    /// <inheritdoc/>
    protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(batch);
        // Without gaps, so that both passes multiply alike.
        var x_nH = input.narrow(1, 0, hidden).contiguous().to(parameters.Flat.dtype);
        using var experts_n1 = input.detach().narrow(1, hidden + 1, 1).to(int64);
        var results_nH = _products.Results(parameters, x_nH, experts_n1, batch.Operators).squeeze(1);
        return results_nH.to(float32) * input.narrow(1, hidden, 1);
    }
}
