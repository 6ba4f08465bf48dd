using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Experts;

// Letters: T tokens, K experts of a token, N = T * K, E experts, P rows, H width.

/// <summary>
/// Where each token's rows lie when they are sorted by expert, with each expert's rows in multiples of <see cref="GroupedOperators.Alignment"/>: found on the device alone. How many rows there
/// are is known without looking at the loads: what is left over belongs to the last expert, zeros as all padding is.
/// </summary>
internal sealed class GroupedRows
{
    private readonly Tensor _places_N;

    /// <param name="experts_TK">int64.</param>
    /// <param name="experts">E.</param>
    public GroupedRows(Tensor experts_TK, int experts)
    {
        using var noGrad = no_grad();
        var (experts_N, device) = (experts_TK.flatten(), experts_TK.device);
        var (sorted_N, order_N) = experts_N.sort(0, stable: true);
        var ends_E = searchsorted(sorted_N, TensorArithmetic.Range(experts, device: device), right: true);
        var loads_E = ends_E.diff(prepend: zeros([1], int64, device));
        var padded_E = loads_E.Plus(GroupedOperators.Alignment - 1).With(GroupedOperators.Alignment, static (x, number) => x.div(number, RoundingMode.floor)).Times(GroupedOperators.Alignment);
        var paddedEnds_E = padded_E.cumsum(0);
        // How far each expert's rows move.
        var shifts_E = (paddedEnds_E - padded_E) - (ends_E - loads_E);
        var sortedPlaces_N = TensorArithmetic.Range(experts_N.shape[0], device: device).Plus(shifts_E.index_select(0, sorted_N));
        _places_N = zeros_like(sortedPlaces_N).scatter(0, order_N, sortedPlaces_N);
        Count = CountOf(experts_N.shape[0], experts);
        Ends = cat([paddedEnds_E.narrow(0, 0, experts - 1), zeros([1], int64, device).Plus(Count)]).to(int32);
    }

    /// <summary>[E] int32: where each expert's rows end.</summary>
    public Tensor Ends { get; }

    /// <summary>P.</summary>
    public long Count { get; }

    /// <summary>P.</summary>
    /// <param name="rows">N.</param>
    /// <param name="experts">E.</param>
    public static long CountOf(long rows, long experts) =>
        (rows + (experts * (GroupedOperators.Alignment - 1)) + GroupedOperators.Alignment - 1) / GroupedOperators.Alignment * GroupedOperators.Alignment;

    /// <summary>[P, H]: each token once for each of its experts, at its place. Its backward gathers, in one order.</summary>
    /// <param name="x_TH">Tokens.</param>
    /// <param name="perToken">K.</param>
    public Tensor Spread(Tensor x_TH, int perToken)
    {
        var x_NH = x_TH.unsqueeze(1).expand(-1, perToken, -1).reshape(-1, x_TH.shape[1]);
        return zeros([Count, x_TH.shape[1]], x_TH.dtype, x_TH.device).index_copy(0, _places_N, x_NH);
    }

    /// <summary>[T, K, H]: the rows of each token.</summary>
    /// <param name="rows_PH">At their places.</param>
    /// <param name="perToken">K.</param>
    public Tensor Gather(Tensor rows_PH, int perToken) => rows_PH.index_select(0, _places_N).view(-1, perToken, rows_PH.shape[1]);
}
