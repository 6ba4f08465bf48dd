using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Examples;

/// <summary>A user's block: every gradient becomes its sign, as in signSGD, and its sum of squares is what it is then.</summary>
public sealed class SignBlock(StageOptions options) : StageBlock<HostGradient, HostGradient>(options, gradient =>
{
    var values = gradient.Floats(0, (int)gradient.Layout.ElementCount);
    var nonzero = 0;
    foreach (ref var value in values)
    {
        if (!float.IsFinite(value)) continue; // the step is skipped for it
        value = float.Sign(value);
        if (value != 0) nonzero++;
    }

    var finite = gradient.SumOfSquares is { } sum && double.IsFinite(sum);
    return finite ? gradient.WithSumOfSquares(nonzero, gradient.BadMicroBatch) : gradient;
});
