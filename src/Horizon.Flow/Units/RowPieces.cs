using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>
/// Operators on a few rows at a time, where a processor computes: what they make in between then stays in its cache, and takes no memory of a whole tensor's size. What is computed for each row alone has the
/// same bits, but for the last of exponentials, which on some processors depends on where in a thread's part they lie. A GPU takes all rows at once.
/// </summary>
internal static class RowPieces
{
    // Of a thread: 64 KiB in fp32, a part of a core's cache. libtorch gives a thread no fewer than twice as many where it computes number by number.
    private const long Numbers = 1 << 14;

    // The numbers of a single row libtorch would sum in a part for each thread.
    private const long FewestRows = 16;

    /// <summary>What is computed of the rows, side by side as if of all at once; in the caller's dispose scope.</summary>
    /// <param name="rows">[T, ...]: says how many rows there are, how wide, and where.</param>
    /// <param name="results">Width and type of each result [T, width].</param>
    /// <param name="compute">Called with what takes some of the rows of any tensor [T, ...]; gives these rows' results.</param>
    public static Tensor[] Of(Tensor rows, ReadOnlySpan<(long Width, ScalarType Type)> results, Func<Func<Tensor, Tensor>, Tensor[]> compute)
    {
        var total = rows.shape[0];
        var most = Math.Max(FewestRows, Numbers * get_num_threads() * total / Math.Max(1, rows.numel()));
        if (total < 2 * most || rows.device.type != TorchSharp.DeviceType.CPU)
        {
            using var scope = NewDisposeScope();
            return [.. compute(static x => x).Select(found => found.MoveToOuterDisposeScope())];
        }

        // Before what goes again: else a small one that stays lies behind it, and its place in the heap is lost.
        var whole = new Tensor[results.Length];
        for (var i = 0; i < whole.Length; i++) whole[i] = empty(total, results[i].Width, results[i].Type, rows.device);
        for (long first = 0, count; first < total; first += count)
        {
            using var scope = NewDisposeScope();
            var (from, some) = (first, count = total - first < 2 * most ? total - first : most); // the last piece takes the rest with it
            var found = compute(x => x.narrow(0, from, some));
            for (var i = 0; i < whole.Length; i++) whole[i].narrow(0, from, some).copy_(found[i]);
        }

        return whole;
    }
}
