using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

/// <summary>
/// LFM2's gated short convolution: out(c * convolution(b * x)), b, c and x from one product, each channel with taps of its own over the
/// latest tokens of its document.
/// </summary>
internal sealed class ShortConvolution(DenseConfig config)
{
    /// <param name="parameters">The layer's.</param>
    /// <param name="x_BSH">Normed input.</param>
    /// <param name="batch">Where documents lie.</param>
    /// <returns>[B, S, H].</returns>
    public Tensor Apply(ParameterViews parameters, Tensor x_BSH, DeviceBatch batch)
    {
        long width = config.HiddenSize;
        var all = DenseLinear.Apply(config, parameters, Roles.ConvolutionInput, x_BSH);
        var (before, after, x) = (all.narrow(-1, 0, width), all.narrow(-1, width, width), all.narrow(-1, 2 * width, width));
        var gated = before * x;
        // Of a context that is longer than the batch, the places of the batch.
        var context = batch.Recall is { } recall ? recall.Extend(parameters, Roles.Convolution, gated) : gated;
        var sum = DocumentTaps.Apply(context, parameters[Roles.Convolution].squeeze(1), batch.Context).narrow(1, context.shape[1] - x_BSH.shape[1], x_BSH.shape[1]);
        var bias = Roles.BiasOf(Roles.Convolution);
        if (parameters.Contains(bias)) sum = sum.Plus(parameters[bias]);
        return DenseLinear.Apply(config, parameters, Roles.ConvolutionOutput, after * sum);
    }
}
