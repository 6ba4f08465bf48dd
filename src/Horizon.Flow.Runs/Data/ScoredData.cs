using System.Runtime.CompilerServices;
using Horizon.Flow.Alignment.Rewards;
using Horizon.Flow.Devices;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Runs.Data;

/// <summary>Scores the records of a data set with a reward model.</summary>
public static class ScoredData
{
    // So many sequences go through each layer at once.
    private const int Together = 8;

    /// <summary>The score of each record, in the order of the files.</summary>
    /// <param name="modelFolder">A reward model's folder, with its tokenizer.</param>
    /// <param name="dataPath">Text, conversations, prompts with completions, or tokens, as <c>data.path</c> takes them.</param>
    /// <param name="device">Where to compute; belongs to the caller.</param>
    /// <param name="notice">Is told what the user should know.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="HorizonException">The folder is no reward model's, or the data cannot be read.</exception>
    public static async IAsyncEnumerable<float> ScoreAsync(
        string modelFolder, string dataPath, IComputeDevice device, Action<string> notice, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(notice);
        var scorer = await RewardScorer.LoadAsync(modelFolder, device, cancellation: cancellation).ConfigureAwait(false);
        await using (scorer.ConfigureAwait(false))
        {
            var options = new DataOptions { Path = dataPath, SequenceLength = scorer.Model.MaximumSequenceLength, Packing = false, Shuffle = false, TrainOn = TrainOn.All, MaxBadShare = 0 };
            var source = BatchSource.Open(options, HuggingFaceTokenizer.Load(modelFolder), scorer.Model.VocabularySize, batchSize: 1, seed: 0);
            foreach (var warning in source.Summary.Warnings) notice(warning);
            foreach (var documents in source.Documents.Chunk(Together))
                foreach (var score in await scorer.ScoreAsync(documents, cancellation).ConfigureAwait(false)) yield return score;
        }
    }
}
