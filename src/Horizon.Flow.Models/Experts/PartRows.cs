using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Experts;

// Letters: T tokens, K experts of a token, H hidden, W width of what is carried, n rows of the part.

/// <summary>
/// The rows of one part of a layer's experts: each choice of a token that falls on it is one. They come in rounds, in each of which a token has one row at most, so that what they give is added
/// without two writing to one place: in one order, on every device.
/// </summary>
internal sealed class PartRows
{
    private readonly RoutedTokens _routed;
    private readonly List<(long First, long Count)> _rounds = [];
    private readonly Tensor _choices_n;
    private readonly Tensor _tokens_n;
    private readonly long _firstExpert;

    /// <param name="routed">The channels of what is carried.</param>
    /// <param name="packed_TW">What is carried.</param>
    /// <param name="config">The layer's experts.</param>
    /// <param name="part">Which part.</param>
    /// <param name="loads">Gives the rows of all parts and rounds, counted or known.</param>
    public PartRows(RoutedTokens routed, Tensor packed_TW, ExpertConfig config, int part, Func<Func<long[]>, long[]> loads)
    {
        using var noGrad = no_grad();
        (_routed, _firstExpert) = (routed, (long)part * config.CountOfPart);
        var parts_TK = routed.ExpertsOf(packed_TW).to(int64).With(config.CountOfPart, static (x, number) => x.div(number, RoundingMode.floor));
        // How many of a token's earlier choices fell on the same part.
        var rounds_TK = parts_TK.unsqueeze(2).eq(parts_TK.unsqueeze(1)).tril(-1).sum([-1L]);
        var codes_N = parts_TK.Times(config.PerToken).Plus(rounds_TK).flatten();
        var counts = loads(() => Counted(codes_N, config.Parts * config.PerToken));
        var first = counts.Take(part * config.PerToken).Sum();
        foreach (var count in counts.Skip(part * config.PerToken).Take(config.PerToken).TakeWhile(count => count > 0))
        {
            _rounds.Add((Count, count));
            Count += count;
        }

        _choices_n = codes_N.to(int32).sort(0, stable: true).Indices.narrow(0, first, Count);
        _tokens_n = _choices_n.With(config.PerToken, static (x, number) => x.div(number, RoundingMode.floor));
    }

    /// <summary>n.</summary>
    public long Count { get; }

    /// <summary>Keeps what it holds beyond the scope that is open.</summary>
    public void Keep()
    {
        _choices_n.DetachFromDisposeScope();
        _tokens_n.DetachFromDisposeScope();
    }

    /// <summary>Frees it.</summary>
    public void Dispose()
    {
        _choices_n.Dispose();
        _tokens_n.Dispose();
    }

    /// <summary>[n, H + 2] fp32: of each row the token, its weight, and its expert's number in the part.</summary>
    /// <param name="packed_TW">What is carried.</param>
    public Tensor Of(Tensor packed_TW)
    {
        Tensor Chosen(Tensor each_TK) => each_TK.flatten().index_select(0, _choices_n).unsqueeze(1);
        return cat([_routed.InputOf(packed_TW).index_select(0, _tokens_n), Chosen(_routed.WeightsOf(packed_TW)), Chosen(_routed.ExpertsOf(packed_TW)).Minus(_firstExpert)], -1);
    }

    /// <summary>[n, ...]: of each row its token's.</summary>
    /// <param name="each_T">Of every token.</param>
    public Tensor OfTokens(Tensor each_T) => each_T.index_select(0, _tokens_n);

    /// <summary>Adds rows to their tokens.</summary>
    /// <param name="target_TH">Changed.</param>
    /// <param name="rows_nH">Added.</param>
    public void AddTo(Tensor target_TH, Tensor rows_nH)
    {
        foreach (var (first, count) in _rounds)
            target_TH.With(1, (target, one) => target.index_add_(0, _tokens_n.narrow(0, first, count), rows_nH.narrow(0, first, count), one));
    }

    /// <summary>Puts the weights' gradients where the weights are.</summary>
    /// <param name="gradient_TW">Of what is carried, without gaps; changed.</param>
    /// <param name="weights_n">In no other part.</param>
    public void PutWeights(Tensor gradient_TW, Tensor weights_n)
    {
        var slots_n = _choices_n - _tokens_n.Times(_routed.PerToken);
        gradient_TW.view(-1).index_copy_(0, _tokens_n.Times(_routed.Width).Plus(slots_n).Plus(2 * _routed.Hidden), weights_n);
    }

    private static long[] Counted(Tensor codes_N, long length)
    {
        using var counts = zeros([length], int64, codes_N.device).scatter_add(0, codes_N, ones_like(codes_N)).cpu();
        using var numbers = counts.data<long>();
        return numbers.ToArray();
    }
}
