namespace Horizon.Flow.Text.Batches;

/// <summary>
/// Puts rows of about one length side by side, as transformers' LengthGroupedSampler does: the order is cut into pieces of up to 50 batches, at least four of them, each piece is
/// sorted with its longest row first, and the longest of all comes to the front, so that a batch that does not fit is met at once.
/// </summary>
internal static class LengthGroups
{
    private const int MostBatches = 50;
    private const int LeastPieces = 4;

    /// <summary>The order, grouped.</summary>
    /// <param name="order">Numbers of rows; changed in place.</param>
    /// <param name="lengthOf">Tokens of a row.</param>
    /// <param name="batchSize">Rows of a batch.</param>
    public static int[] Sort(int[] order, Func<int, int> lengthOf, int batchSize)
    {
        var size = Math.Clamp(order.Length / (batchSize * LeastPieces), 1, MostBatches) * batchSize;
        int longest = 0, most = -1;
        for (var first = 0; first < order.Length; first += size)
        {
            var piece = order.AsSpan(first, Math.Min(size, order.Length - first));
            int[] sorted = [.. piece.ToArray().OrderByDescending(lengthOf)];
            sorted.CopyTo(piece);
            if (lengthOf(piece[0]) > most) (longest, most) = (first, lengthOf(piece[0]));
        }

        if (order.Length > 0) (order[0], order[longest]) = (order[longest], order[0]);
        return order;
    }
}
