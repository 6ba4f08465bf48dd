using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Attention;

/// <summary>Scores that exist at once: of some neighbouring queries of a document, and of the keys that they see. Every query's own key lies behind the one before; the last query's is the last.</summary>
/// <param name="FirstQuery">Its place among all queries.</param>
/// <param name="Queries">How many there are.</param>
/// <param name="FirstKey">Its place among all keys.</param>
/// <param name="Keys">How many there are.</param>
internal readonly record struct ScoreBlock(long FirstQuery, long Queries, long FirstKey, long Keys)
{
    /// <summary>The blocks of a micro-batch: as many queries each as keep the scores within a size, and one at least.</summary>
    /// <param name="batch">Where documents lie; with a recall, which is of one row, its tokens are the last of all.</param>
    /// <param name="window">A token sees this many tokens, itself included; null for all.</param>
    /// <param name="most">Pairs of a query and a key that a block may have.</param>
    public static IEnumerable<ScoreBlock> Of(DeviceBatch batch, long? window, long most)
    {
        if (batch.Recall is null) return Enumerable.Range(0, batch.Spans.Count).SelectMany(i => OfDocument(batch.Spans.Starts[i], batch.Spans.LengthOf(i), batch.Spans.Starts[i], batch.Spans.LengthOf(i), window, most));
        return OfDocument(0, batch.SequenceLength, 0, batch.Context.SequenceLength, window, most);
    }

    // Queries are the last tokens of a document.
    private static IEnumerable<ScoreBlock> OfDocument(long firstQuery, long queries, long firstKey, long keys, long? window, long most)
    {
        for (long done = 0, count; done < queries; done += count)
        {
            var place = keys - queries + done; // of the first query in the document
            var seen = Math.Min(window ?? long.MaxValue, place + 1);
            count = Math.Min(Math.Min(queries - done, window ?? queries), Fitting(seen, most)); // a window's neighbours see other keys
            yield return new(firstQuery + done, count, firstKey + place + 1 - seen, seen + count - 1);
        }
    }

    // The most n for which n (seen + n - 1) pairs are not too many: each query has a key more than the one before.
    private static long Fitting(long seen, long most)
    {
        var root = (Math.Sqrt(((seen - 1.0) * (seen - 1)) + (4.0 * most)) - (seen - 1)) / 2;
        var count = Math.Max(1, (long)root);
        return count > 1 && count * (seen + count - 1) > most ? count - 1 : count;
    }
}
