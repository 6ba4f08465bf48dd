using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Preferences;

/// <summary>What pairs of answers measure.</summary>
internal static class PairMetrics
{
    public static IReadOnlyList<string> Names { get; } = ["rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies"];

    /// <summary>[names, 2] of rewards [pairs].</summary>
    public static Tensor Of(Tensor chosen_P, Tensor rejected_P)
    {
        using var noGrad = no_grad();
        var margins_P = chosen_P - rejected_P;
        var sums_M = stack([chosen_P, rejected_P, margins_P, margins_P.With(0, (x, zero) => x.gt(zero)).to(float64)]).sum(1);
        return stack([sums_M, ones_like(sums_M).Times(chosen_P.shape[0])], 1);
    }
}
