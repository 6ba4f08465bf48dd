using System.Numerics;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Experts;

// Letters: T tokens, K experts of a token, H hidden, W width of what is carried, n rows of the part.

/// <summary>
/// The rows of one part of a layer's experts: each choice of a token that falls on it is one. They come in rounds, in each of which a token has one row at most, so that what they give is added
/// without two writing to one place: in one order, on every device. Behind them come copies of the first one, with a weight of zero, up to one of eight lengths to a doubling: a device whose
/// allocator got another length each time would never find a block that fits.
/// </summary>
internal sealed class PartRows
{
    private readonly RoutedTokens _routed;
    private readonly List<(long First, long Count)> _rounds = [];
    private readonly long _count;
    private readonly Tensor _choices_n;
    private readonly Tensor _tokens_n;
    private readonly long _firstExpert;
    private readonly long[] _loads;

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
        // Behind the rows of all parts and rounds, those of all experts.
        var ahead = config.Parts * config.PerToken;
        var counts = loads(() => Counted([codes_N, _routed.ExpertsOf(packed_TW).flatten().to(int64).Plus(ahead)], ahead + config.Count));
        _loads = counts[(ahead + (part * config.CountOfPart))..][..config.CountOfPart];
        var first = counts.Take(part * config.PerToken).Sum();
        foreach (var count in counts.Skip(part * config.PerToken).Take(config.PerToken).TakeWhile(count => count > 0))
        {
            _rounds.Add((_count, count));
            _count += count;
        }

        Count = Padded(_count);
        var own_n = codes_N.to(int32).sort(0, stable: true).Indices.narrow(0, first, _count);
        _choices_n = Count == _count ? own_n : cat([own_n, own_n.narrow(0, 0, 1).expand(Count - _count)], 0);
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

    /// <summary>[n, H]: of each row the token.</summary>
    /// <param name="packed_TW">What is carried.</param>
    /// <param name="type">Of the experts.</param>
    public Tensor InputOf(Tensor packed_TW, ScalarType type) => _routed.InputOf(packed_TW).to(type).index_select(0, _tokens_n);

    /// <summary>[n, 1] fp32: of each row its weight.</summary>
    /// <param name="packed_TW">What is carried.</param>
    public Tensor WeightsOf(Tensor packed_TW)
    {
        var weights_n = _routed.WeightsOf(packed_TW).flatten().index_select(0, _choices_n);
        if (Count > _count) weights_n.narrow(0, _count, Count - _count).zero_();
        return weights_n.unsqueeze(1);
    }

    /// <summary>[n, 1] int64: of each row its expert's number in the part.</summary>
    /// <param name="packed_TW">What is carried.</param>
    public Tensor ExpertsOf(Tensor packed_TW) => _routed.ExpertsOf(packed_TW).flatten().index_select(0, _choices_n).to(int64).Minus(_firstExpert).unsqueeze(1);

    /// <summary>[n, ...]: of each row its token's.</summary>
    /// <param name="each_T">Of every token.</param>
    public Tensor OfTokens(Tensor each_T) => each_T.index_select(0, _tokens_n);

    /// <summary>Adds rows to their tokens.</summary>
    /// <param name="target_TH">Changed.</param>
    /// <param name="rows_nH">Added.</param>
    public void AddTo(Tensor target_TH, Tensor rows_nH)
    {
        rows_nH = rows_nH.to(target_TH.dtype);
        foreach (var (first, count) in _rounds)
            target_TH.With(1, (target, one) => target.index_add_(0, _tokens_n.narrow(0, first, count), rows_nH.narrow(0, first, count), one));
    }

    /// <summary>Puts the weights' gradients where the weights are.</summary>
    /// <param name="gradient_TW">Of what is carried, without gaps; changed.</param>
    /// <param name="weights_n">In no other part.</param>
    public void PutWeights(Tensor gradient_TW, Tensor weights_n)
    {
        var slots_n = _choices_n - _tokens_n.Times(_routed.PerToken);
        var places_n = _tokens_n.Times(_routed.Width).Plus(slots_n).Plus(2 * _routed.Hidden);
        gradient_TW.view(-1).index_copy_(0, places_n.narrow(0, 0, _count), weights_n.narrow(0, 0, _count).to(gradient_TW.dtype));
    }

    /// <summary>What of the part's gradients belongs to experts with rows: the rest is zero.</summary>
    /// <param name="gradients">Of what is trained of the part.</param>
    public IReadOnlyList<GradientRange> NonzeroOf(UnitLayout gradients)
    {
        var ranges = new List<GradientRange>();
        foreach (var range in gradients.Parameters.SelectMany(LoadedOf))
        {
            if (ranges.Count > 0 && ranges[^1].End == range.First) ranges[^1] = new GradientRange(ranges[^1].First, ranges[^1].Count + range.Count);
            else ranges.Add(range);
        }

        return ranges;
    }

    // A parameter is one expert's, or has each expert's part of it behind the other's; of any other, all counts where the part has rows.
    private IEnumerable<GradientRange> LoadedOf(ParameterSlot slot)
    {
        if (Roles.ExpertOf(slot.Role) is { } expert) return _loads[expert] > 0 ? [new(slot.Offset, slot.Count)] : [];
        if (!Roles.HoldsExperts(slot.Role)) return _count > 0 ? [new(slot.Offset, slot.Count)] : [];
        var each = slot.Count / _loads.Length;
        return Enumerable.Range(0, _loads.Length).Where(place => _loads[place] > 0).Select(place => new GradientRange(slot.Offset + (place * each), each));
    }

    // By steps of an eighth of the power of two below.
    private static long Padded(long count)
    {
        var step = count < 8 ? 1 : (long)BitOperations.RoundUpToPowerOf2((ulong)count + 1) / 16;
        return (count + step - 1) / step * step;
    }

    private static long[] Counted(Tensor[] codes, long length)
    {
        var all = cat(codes, 0);
        using var counts = zeros([length], int64, all.device).scatter_add(0, all, ones_like(all)).cpu();
        using var numbers = counts.data<long>();
        return numbers.ToArray();
    }
}
