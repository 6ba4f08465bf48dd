namespace Horizon.Flow.Text;

/// <summary>Takes the share of a data set's documents that is wanted: held out or not, and as often as its weight says.</summary>
internal static class DocumentShares
{
    private const long HeldOutStream = -2;
    private const long WeightStream = -3;

    public static IEnumerable<TokenDocument> Take(List<TokenDocument> documents, DataOptions options, double weight)
    {
        if (options.HeldOutShare > 0)
        {
            var heldOut = First(documents.Count, options.HeldOutShare, HeldOutStream);
            if (heldOut.Count == 0 || heldOut.Count == documents.Count)
                throw new HorizonException($"{options.Path}: of {documents.Count} documents evaluation.fraction {options.HeldOutShare} leaves none to {(heldOut.Count == 0 ? "evaluate" : "train")} on.");
            var isWanted = options.Split == DataSplit.Validation;
            documents = [.. documents.Where((_, i) => heldOut.Contains(i) == isWanted)];
            if (isWanted) return documents;
        }

        var whole = (int)Math.Floor(weight);
        var rest = First(documents.Count, weight - whole, WeightStream);
        return Enumerable.Repeat(documents, whole).SelectMany(all => all).Concat(documents.Where((_, i) => rest.Contains(i)));
    }

    /// <summary>So many of the places, the same ones for the same count.</summary>
    private static HashSet<int> First(int count, double share, long stream) =>
        [.. new SplitMix64(0, stream).Permutation(count).Take((int)Math.Round(count * share))];
}
