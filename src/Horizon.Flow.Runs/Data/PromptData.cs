using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Preferences;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Runs.Data;

/// <summary>Reads prompts.</summary>
internal static class PromptData
{
    /// <summary>The prompts of a run, each with room for an answer.</summary>
    /// <exception cref="HorizonException">They cannot be read, or no prompt has room for an answer.</exception>
    public static IBatchSource Open(RunBlueprint blueprint, DataOptions options, ITokenizer tokenizer)
    {
        var (rollouts, training) = (blueprint.Configuration.Rollouts, blueprint.Configuration.Training);
        var longest = Math.Min(options.SequenceLength, blueprint.Model.MaximumSequenceLength) - rollouts.MaxTokens;
        if (longest < 2) throw new HorizonException($"rollouts.max_tokens is {rollouts.MaxTokens}, which leaves no room for a prompt in sequences of {longest + rollouts.MaxTokens} tokens; lower it, or raise data.sequence_length");
        var read = options with { CacheFolder = null, HeldOutShare = 0, SequenceLength = longest };
        var set = PreferenceReader.ReadPrompts(read, tokenizer, blueprint.Model.VocabularySize);
        var (kept, heldOut) = options.HeldOutShare > 0 ? set.HoldOut(options.HeldOutShare, training.Seed) : (set.Examples, []);
        PromptBatches Batches(IReadOnlyList<PromptRecord> prompts, IBatchSource? beside) =>
            new(set with { Examples = prompts }, rollouts, training.BatchSize, options.Shuffle ? training.Seed : null) { HeldOut = beside };
        return Batches(kept, heldOut.Count > 0 ? Batches(heldOut, null) : null);
    }
}
