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
    /// <param name="batch">Positions: a token has as many before it in its document.</param>
    /// <returns>[B, S, H].</returns>
    public Tensor Apply(ParameterViews parameters, Tensor x_BSH, DeviceBatch batch)
    {
        long width = config.HiddenSize;
        var all = DenseLinear.Apply(config, parameters, Roles.ConvolutionInput, x_BSH);
        var (before, after, x) = (all.narrow(-1, 0, width), all.narrow(-1, width, width), all.narrow(-1, 2 * width, width));
        var gated = before * x;
        var taps_HT = parameters[Roles.Convolution].squeeze(1);
        var last = config.ConvolutionTaps - 1;
        var sum = gated * taps_HT.select(1, last);
        var context = batch.Recall is { } recall ? recall.Extend(parameters, Roles.Convolution, gated) : gated;
        for (var back = 1; back <= last && back < context.shape[1]; back++)
        {
            // Of a context that is longer than the batch, the places of the batch.
            var earlier = (context.roll(back, 1) * Reaches(batch.Context, back).to(gated.dtype)).narrow(1, context.shape[1] - x_BSH.shape[1], x_BSH.shape[1]);
            sum = sum.Plus(earlier * taps_HT.select(1, last - back));
        }

        var bias = Roles.BiasOf(Roles.Convolution);
        if (parameters.Contains(bias)) sum = sum.Plus(parameters[bias]);
        return DenseLinear.Apply(config, parameters, Roles.ConvolutionOutput, after * sum);
    }

    // [B, S, 1]: whether there is a token so far back in the same document and row.
    private static Tensor Reaches(DeviceBatch batch, int back) => batch.Shared(("short convolution", back), () =>
    {
        var places = TensorArithmetic.Range(batch.SequenceLength, device: batch.InputIds.device);
        var inRow = places.With(back, static (x, number) => x.ge(number)).unsqueeze(0);
        var same = batch.Documents is { } documents ? inRow.logical_and(documents.eq(documents.roll(back, 1))) : inRow;
        return same.unsqueeze(-1);
    });
}
