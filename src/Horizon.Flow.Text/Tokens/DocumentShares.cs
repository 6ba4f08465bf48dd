using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Tokens;

/// <summary>Parts a data set's documents: some held out, the others trained on as often as the set's weight says.</summary>
/// <param name="Training">The numbers of those that are trained on; of a weight above 1, documents occur several times.</param>
/// <param name="HeldOut">Of those that are held out, each once.</param>
internal sealed record DocumentShares(IReadOnlyList<int> Training, IReadOnlyList<int> HeldOut)
{
    private const long HeldOutStream = -2;
    private const long WeightStream = -3;

    /// <exception cref="HorizonException">One of the parts would be empty.</exception>
    public static DocumentShares Of(int documents, DataOptions options, double weight)
    {
        var (heldOut, training) = Part([.. Enumerable.Range(0, documents)], options.HeldOutShare, HeldOutStream);
        if (options.HeldOutShare > 0 && (heldOut.Count == 0 || training.Count == 0))
            throw new HorizonException($"{options.Path}: of {documents} documents evaluation.fraction {options.HeldOutShare} leaves none to {(heldOut.Count == 0 ? "evaluate" : "train")} on.");
        var whole = (int)Math.Floor(weight);
        var (more, _) = Part(training, weight - whole, WeightStream);
        return new DocumentShares([.. Enumerable.Repeat(training, whole).SelectMany(all => all), .. more], heldOut);
    }

    /// <summary>A share of the documents and the others, the same places for the same count, in their order.</summary>
    private static (IReadOnlyList<int> Share, IReadOnlyList<int> Others) Part(IReadOnlyList<int> documents, double share, long stream)
    {
        if (share == 0) return ([], documents);
        var places = new SplitMix64(0, stream).Permutation(documents.Count).Take((int)Math.Round(documents.Count * share)).ToHashSet();
        return ([.. documents.Where((_, i) => places.Contains(i))], [.. documents.Where((_, i) => !places.Contains(i))]);
    }
}
