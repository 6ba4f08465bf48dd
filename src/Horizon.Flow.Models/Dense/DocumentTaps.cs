using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

/// <summary>A causal convolution of each channel with taps of its own over the latest tokens of its document.</summary>
internal static class DocumentTaps
{
    /// <param name="x_BSC">Channels.</param>
    /// <param name="taps_CT">The last is the present token's.</param>
    /// <param name="batch">Where documents lie.</param>
    /// <returns>[B, S, C].</returns>
    public static Tensor Apply(Tensor x_BSC, Tensor taps_CT, DeviceBatch batch)
    {
        var last = (int)taps_CT.shape[1] - 1;
        // Whole rows are one operator, which keeps its input alone. Not on a GPU, where nothing was measured of the order in which cuDNN sums the taps' gradients.
        if (batch.Documents is null && x_BSC.device.type == TorchSharp.DeviceType.CPU)
            return nn.functional.conv1d(x_BSC.transpose(1, 2), taps_CT.unsqueeze(1), null, padding: last, groups: x_BSC.shape[2]).narrow(2, 0, x_BSC.shape[1]).transpose(1, 2);
        var sum = x_BSC * taps_CT.select(1, last);
        for (var back = 1; back <= last && back < x_BSC.shape[1]; back++)
            sum = sum.Plus(x_BSC.roll(back, 1) * Reaches(batch, back).to(x_BSC.dtype) * taps_CT.select(1, last - back));
        return sum;
    }

    // [B, S, 1]: whether there is a token so far back in the same document and row.
    private static Tensor Reaches(DeviceBatch batch, int back) => batch.Shared(("document taps", back), () =>
    {
        var places = TensorArithmetic.Range(batch.SequenceLength, device: batch.InputIds.device);
        var inRow = places.With(back, static (x, number) => x.ge(number)).unsqueeze(0);
        var same = batch.Documents is { } documents ? inRow.logical_and(documents.eq(documents.roll(back, 1))) : inRow;
        return same.unsqueeze(-1);
    });
}
