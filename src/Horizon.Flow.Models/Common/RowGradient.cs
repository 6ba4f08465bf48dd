using Horizon.Flow.Units;
using TorchSharp;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>
/// The gradient of a table whose rows tokens look up: each id that occurs is summed in fp32 at one of its places, its leader, as wide as the batch, not as the
/// vocabulary, and without asking the device how many different ids there are. Copying a sum to all its places writes equal values.
/// </summary>
internal static class RowGradient
{
    /// <param name="table">[ids, width] gradient; rows of other ids stay as they are.</param>
    /// <param name="ids">[T] int64.</param>
    /// <param name="rows">[T, width] fp32: the gradient of each token's row.</param>
    /// <param name="paddingToken">The row that lookups do not train; null for none.</param>
    public static void Write(Tensor table, Tensor ids, Tensor rows, int? paddingToken = null)
    {
        using var scope = NewDisposeScope();
        var leaderOfId = empty(table.shape[0], int64, ids.device);
        leaderOfId.index_copy_(0, ids, TensorArithmetic.Range(ids.numel(), device: ids.device));
        var leaders = leaderOfId.index_select(0, ids);
        var sums = SumInto(zeros_like(rows), leaders, rows).index_select(0, leaders);
        table.index_copy_(0, ids, sums.to(table.dtype));
        if (paddingToken is { } token) table.narrow(0, token, 1).zero_();
    }

    // The same order run after run: on the CPU index_add_ goes row by row; on CUDA it uses atomics, while the accumulating index_put_
    // sorts the indices first. Its check of the indices would make the host wait; these are places in the batch by construction.
    private static Tensor SumInto(Tensor sums, Tensor places, Tensor rows) => sums.device_type == DeviceType.CPU
        ? sums.With(1, (x, one) => x.index_add_(0, places, rows, one))
        : AtenOperators.AddRowsUnchecked(sums, places, rows);
}
