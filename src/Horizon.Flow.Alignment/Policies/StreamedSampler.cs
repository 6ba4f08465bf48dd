using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;
using Horizon.Flow.Text.Preferences;

namespace Horizon.Flow.Alignment.Policies;

/// <summary>
/// Draws answers with the run that trains: the parameters are those after all steps begun so far, and no copy of them is handed over. All answers go through
/// each layer together, whole for every token: for small models and short answers. Ranks share the answers that are not ended yet anew for every token, and all know all of them.
/// </summary>
/// <param name="run">Of the model that is trained.</param>
/// <param name="options">How.</param>
/// <param name="ranks">The ranks that share the run, each of which asks for the same answers and does not give up alone; null where there is one.</param>
public sealed class StreamedSampler(TrainingRun run, SamplingOptions options, ICollectives? ranks = null) : IAnswerSource
{
    // So many micro-batches go through each layer while it is on the device.
    private const int PartsAtOnce = 8;

    /// <summary>Answers to prompts, in their order, those to one prompt together; the same for the same parameters and seed, whatever the number of ranks.</summary>
    /// <param name="prompts">The prompts' tokens, each of one or more.</param>
    /// <param name="seed">Of the draws.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<IReadOnlyList<Rollout>> SampleAsync(IReadOnlyList<IReadOnlyList<int>> prompts, long seed, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        List<Drawn> all = [.. prompts.SelectMany((prompt, number) => Enumerable.Range(0, options.Answers).Select(answer =>
            new Drawn(number, prompt, answer)))];
        for (var token = 0; token < options.MaxTokens && all.Exists(one => !one.IsFinished); token++)
        {
            cancellation.ThrowIfCancellationRequested();
            var open = all.FindAll(one => !one.IsFinished);
            List<Drawn[]> parts = [.. open.Chunk(options.Together)];
            var tokens = await SharedPass.RunAsync(run, [.. parts.Select(Batch)], Ops.Logits, PartsAtOnce, ranks, (part, logits) => Choose(parts[part], logits, seed), CancellationToken.None).ConfigureAwait(false);
            foreach (var (part, chosen) in parts.Zip(tokens))
                foreach (var (one, next) in part.Zip(chosen)) one.Take(next, options);
        }

        return [.. all.Select(one => new Rollout(one.Prompt, one.PromptIds, one.Answer, one.IsFinished))];
    }

    Task<IReadOnlyList<Rollout>> IAnswerSource.DrawAsync(IReadOnlyList<PromptRecord> prompts, long seed, CancellationToken cancellation) =>
        SampleAsync([.. prompts.Select(prompt => prompt.Ids)], seed, cancellation);

    // One behind another; the last token of each has a label, so that its logits are given.
    private static MicroBatch Batch(Drawn[] open)
    {
        var count = open.Sum(one => one.PromptIds.Count + one.Answer.Count);
        long[] ids = new long[count], targets = new long[count], positions = new long[count], documents = new long[count];
        Array.Fill(targets, MicroBatch.Unlabelled);
        var at = 0;
        for (var number = 0; number < open.Length; number++)
        {
            var place = 0;
            foreach (var id in open[number].PromptIds.Concat(open[number].Answer)) (ids[at], positions[at], documents[at++]) = (id, place++, number);
            targets[at - 1] = 0;
        }

        return new MicroBatch(1, count, ids, targets, positions, documents);
    }

    private int[] Choose(Drawn[] part, HostResult logits, long seed)
    {
        var vocabulary = (int)logits.Shape[^1];
        return [.. part.Select((one, i) => Choose(logits.Numbers.AsSpan(i * vocabulary, vocabulary), new Random(HashOf(seed, one.Prompt, one.Number, one.Answer.Count))))];
    }

    // The largest of logits with Gumbel's noise is a draw from their softmax.
    private int Choose(ReadOnlySpan<float> logits, Random random)
    {
        var (best, chosen) = (double.NegativeInfinity, 0);
        for (var id = 0; id < logits.Length; id++)
        {
            var value = (logits[id] / options.Temperature) - Math.Log(-Math.Log(1 - random.NextDouble() + double.Epsilon) + double.Epsilon);
            if (value > best) (best, chosen) = (value, id);
        }

        return chosen;
    }

    // A draw hangs on its place alone, and not on who makes it.
    private static int HashOf(long seed, int prompt, int answer, int token)
    {
        var mixed = SplitMix.Step(SplitMix.Step(SplitMix.Step(SplitMix.Step((ulong)seed) + (uint)prompt) + (uint)answer) + (uint)token);
        return (int)(mixed >> 33);
    }

    private sealed class Drawn(int prompt, IReadOnlyList<int> promptIds, int number)
    {
        public int Prompt => prompt;

        public IReadOnlyList<int> PromptIds => promptIds;

        /// <summary>Which of the answers to its prompt.</summary>
        public int Number => number;

        public List<int> Answer { get; } = [];

        public bool IsFinished { get; private set; }

        public void Take(int token, SamplingOptions options)
        {
            Answer.Add(token);
            IsFinished = options.EndIds.Contains(token);
        }
    }
}
