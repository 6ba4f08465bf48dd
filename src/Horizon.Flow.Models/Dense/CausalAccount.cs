using Horizon.Flow.Models.Attention;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using Result = Horizon.Flow.Models.Common.OperatorAccount.Result;

namespace Horizon.Flow.Models.Dense;

/// <summary>What <see cref="CausalMixing"/> makes and keeps.</summary>
internal static class CausalAccount
{
    // SinkAttention's column beside a head.
    private const int Step = 8;

    /// <param name="account">Of the layer.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="query">Queries.</param>
    /// <param name="key">Keys.</param>
    /// <param name="value">Values.</param>
    /// <param name="heads">Query heads, key heads and their width.</param>
    /// <param name="window">A token sees this many tokens; null for all.</param>
    /// <param name="scaled">Whether queries are multiplied before.</param>
    /// <param name="sinks">Whether a query has a score beside those of the keys.</param>
    public static Result Mix(OperatorAccount account, BatchShape batch, Result query, Result key, Result value, (int Queries, int Keys, int Width) heads, int? window, bool scaled, bool sinks)
    {
        double width = heads.Queries * heads.Width;
        if (batch.FusedOperators && heads.Width % 8 == 0 && heads.Width <= 256)
        {
            foreach (var read in new[] { query, key, value }) account.Keep(read);
            account.Make(heads.Queries, wide: true, isKept: true);
            var found = account.Make(width, isKept: true);
            return sinks ? account.Make(width) : found;
        }

        var repeats = heads.Queries > heads.Keys;
        // A block of queries as long as the window sees as many keys before it.
        var seen = window is { } reach ? 2 - ((double)reach / batch.SequenceLength) : 1;
        if (scaled || sinks) query = account.Make(width);
        (key, value) = repeats ? (account.Make(width * seen), account.Make(width * seen)) : (key, value);
        if (window is not null) account.Make(seen * window.Value, isKept: true); // the mask as numbers
        if (sinks) return Sinks(account, heads, window is not null || batch.Packed, seen);
        foreach (var read in new[] { query, key, value }) account.Keep(read);
        account.Make(heads.Queries, wide: true, isKept: true);
        var mixed = account.Make(width, isKept: true);
        return window is not null || batch.Packed ? account.Make(width) : mixed;
    }

    // Queries are multiplied and widened, keys and values widened, and all three have a place in front.
    private static Result Sinks(OperatorAccount account, (int Queries, int Keys, int Width) heads, bool inPieces, double seen)
    {
        double width = heads.Queries * heads.Width, wider = heads.Queries * (heads.Width + Step), beside = heads.Queries * Step;
        account.Make(width);
        account.Make(wider);
        account.Make(wider, isKept: true);
        for (var i = 0; i < 2; i++)
        {
            account.Make(beside * seen);
            account.Make(wider * seen);
            account.Make(wider * seen, isKept: true);
        }

        account.Make(heads.Queries, wide: true, isKept: true);
        account.Make(wider, isKept: true);
        var whole = account.Make(width);
        return inPieces ? account.Make(width) : whole;
    }
}
