using static TorchSharp.torch;

namespace Horizon.Flow.Models.Experts;

// Letters: B batch, S sequence, T = B * S tokens, H hidden, K experts of a token, W = 2H + 2K.

/// <summary>
/// What goes from a layer through the parts of its experts, [B, S, W] in fp32: the sum that each part adds to, and what all of them read: the tokens, and their experts with their weights. In fp32
/// sums over parts are rounded once, and an expert's number is exact.
/// </summary>
/// <param name="Hidden">H.</param>
/// <param name="PerToken">K.</param>
internal readonly record struct RoutedTokens(long Hidden, long PerToken)
{
    /// <summary>W.</summary>
    public long Width => 2 * (Hidden + PerToken);

    /// <summary>[B, S, W], by operators that autograd may record.</summary>
    /// <param name="sum_BSH">What the experts' results are added to.</param>
    /// <param name="x_BSH">What the experts read.</param>
    /// <param name="weights_TK">Of their results.</param>
    /// <param name="experts_TK">int64.</param>
    public Tensor Pack(Tensor sum_BSH, Tensor x_BSH, Tensor weights_TK, Tensor experts_TK)
    {
        var (batch, sequence) = (x_BSH.shape[0], x_BSH.shape[1]);
        return cat([sum_BSH.to(float32), x_BSH.to(float32), weights_TK.to(float32).view(batch, sequence, -1), experts_TK.to(float32).view(batch, sequence, -1)], -1);
    }

    /// <summary>[T, H], a view.</summary>
    public Tensor SumOf(Tensor packed_TW) => packed_TW.narrow(1, 0, Hidden);

    /// <summary>[T, H], a view.</summary>
    public Tensor InputOf(Tensor packed_TW) => packed_TW.narrow(1, Hidden, Hidden);

    /// <summary>[T, K], a view.</summary>
    public Tensor WeightsOf(Tensor packed_TW) => packed_TW.narrow(1, 2 * Hidden, PerToken);

    /// <summary>[T, K], a view.</summary>
    public Tensor ExpertsOf(Tensor packed_TW) => packed_TW.narrow(1, (2 * Hidden) + PerToken, PerToken);
}
