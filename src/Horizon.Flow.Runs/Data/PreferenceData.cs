using Horizon.Flow.Runs.Objectives;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Preferences;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Runs.Data;

/// <summary>Reads preferences as micro-batches.</summary>
internal static class PreferenceData
{
    /// <param name="kind">Pairs or rated answers.</param>
    /// <param name="options">Which data; a held-out share is drawn by examples, the order is the seed's where it is shuffled.</param>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="vocabularySize">The model's.</param>
    /// <param name="batchSize">Pairs or examples of a micro-batch.</param>
    /// <param name="seed">The run's.</param>
    public static IBatchSource Open(ObjectiveData kind, DataOptions options, ITokenizer tokenizer, int vocabularySize, int batchSize, long seed)
    {
        var order = options.Shuffle ? seed : null as long?;
        // What becomes of these is decided here, not by the reader.
        var read = options with { CacheFolder = null, HeldOutShare = 0 };
        return kind == ObjectiveData.Pairs
            ? Split(PreferenceReader.ReadPairs(read, tokenizer, vocabularySize), pairs => PreferenceBatches.Of(pairs, batchSize, order))
            : Split(PreferenceReader.ReadRated(read, tokenizer, vocabularySize), answers => PreferenceBatches.Of(answers, batchSize, options.SequenceLength, order));

        PreferenceBatches Split<T>(PreferenceSet<T> set, Func<IReadOnlyList<T>, PreferenceBatches> batches)
        {
            var (kept, heldOut) = options.HeldOutShare > 0 ? set.HoldOut(options.HeldOutShare, seed) : (set.Examples, []);
            var training = batches(kept);
            return training.With(training.Summary with { BadRecords = set.BadRecords, OverlongDocuments = set.TooLong, Warnings = set.Notices }, heldOut.Count > 0 ? batches(heldOut) : null);
        }
    }
}
