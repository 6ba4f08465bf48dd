using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Horizon.Flow.Alignment;
using Horizon.Flow.Alignment.Policies;
using Horizon.Flow.Distributed;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Data;
using Horizon.Flow.Text.Preferences;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Runs.OnPolicy;

/// <summary>
/// The steps of an objective of prompts. Those of a round learn from answers that were drawn together, with the weights before the first of them: drawn, graded, given the log-probabilities
/// that the objective needs, kept on disk, and only then learned. Ranks share the work of a round, and each knows all of it: what they learn follows from that as on one rank.
/// </summary>
/// <param name="blueprint">The run.</param>
/// <param name="run">Trains the model.</param>
/// <param name="prompts">What is asked.</param>
/// <param name="tokenizer">The model's.</param>
/// <param name="source">Answers; belongs to this.</param>
/// <param name="reward">Grades them.</param>
/// <param name="reference">Where the objective needs one; null elsewhere.</param>
/// <param name="notice">Takes sentences for the user.</param>
internal sealed class PolicySteps(
    RunBlueprint blueprint, TrainingRun run, PromptBatches prompts, ITokenizer tokenizer, AnswerSource source, IAnswerReward reward, HeldReference? reference, Action<string> notice) : IDisposable
{
    // Keeps the draws of evaluations apart from those of rounds.
    private const long Held = -1;

    private const string Line = "rollouts";

    private readonly RoundFiles _files = new(blueprint.Configuration);
    private readonly Dictionary<long, IReadOnlyDictionary<string, double>> _metrics = [];
    private readonly int _everySteps = blueprint.Configuration.Rollouts.EverySteps;
    private readonly int _answersEach = blueprint.Configuration.Training.BatchSize;
    private readonly RankShare _share = RankShare.For(blueprint.Ranks);
    private (long Number, IReadOnlyList<GradedRollout> Rollouts)? _round;

    private ICollectives? Ranks => blueprint.Ranks;

    private double Passing => blueprint.Configuration.Rollouts.Rewards.Passing;

    /// <summary>The micro-batches of each step from one on, made when they are asked for, with the weights after all steps begun by then.</summary>
    /// <param name="first">1 or more.</param>
    /// <param name="last">The last step.</param>
    /// <param name="stop">No further step is made; a round that is being drawn is given up, where there is one rank. Several finish it: none can give up alone.</param>
    public async IAsyncEnumerable<IReadOnlyList<MicroBatch>> StepsAsync(long first, long last, [EnumeratorCancellation] CancellationToken stop)
    {
        await FirstAsync(() => _files.Clear(first == 1 ? null : RoundOf(first))).ConfigureAwait(false);
        var drawing = Ranks is null ? stop : CancellationToken.None;
        for (var step = first; step <= last; step++)
        {
            if (_round?.Number != RoundOf(step) && await Ranks.AnyAsync("round", stop.IsCancellationRequested).ConfigureAwait(false)) yield break;
            IReadOnlyList<MicroBatch> batches;
            try
            {
                batches = await BatchesAsync(step, drawing).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                yield break;
            }

            yield return batches;
        }
    }

    /// <summary>What is told of a step's answers; once.</summary>
    public IReadOnlyDictionary<string, double> TakeMetrics(long step) => _metrics.Remove(step, out var metrics) ? metrics : new Dictionary<string, double>();

    /// <summary>Draws and grades answers to prompts that are never learned; null when it was stopped. The loss is minus the mean reward.</summary>
    public async Task<Evaluation?> EvaluateAsync(PromptBatches heldOut, CancellationToken stop)
    {
        try
        {
            var graded = await GradeAsync(heldOut.Prompts, Held, stop).ConfigureAwait(false);
            var metrics = PolicyMetrics.Of(graded, Passing);
            return new Evaluation(-metrics["reward"], metrics);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => source.Dispose();

    private async Task<IReadOnlyList<MicroBatch>> BatchesAsync(long step, CancellationToken stop)
    {
        var round = RoundOf(step);
        if (_round?.Number != round) _round = (round, await RoundAsync(round, step, stop).ConfigureAwait(false));
        var before = StepsOf(round).TakeWhile(other => other < step).Sum(AnswersOf);
        GradedRollout[] answers = [.. _round!.Value.Rollouts.Skip(before).Take(AnswersOf(step))];
        _metrics[step] = PolicyMetrics.Of(answers, Passing);
        var advantages = RolloutBatches.Advantages([.. answers.Select(one => one.Rollout)], [.. answers.Select(one => one.Reward)], blueprint.Kind.ScalesAdvantages);
        var batches = RolloutBatches.Of(answers, advantages, _answersEach);
        return _share.Of(Enumerable.Range(0, batches.Count), number => batches[number]);
    }

    private async Task<IReadOnlyList<GradedRollout>> RoundAsync(long round, long step, CancellationToken stop)
    {
        if (await Ranks.FirstAsync(Line, () => Task.FromResult(_files.Find(round, StepsOf(round).Sum(AnswersOf)))).ConfigureAwait(false) is { } found) return found;
        if (step != StepsOf(round).First()) notice($"the answers that step {step} was to learn from are gone, so that they are drawn anew, with the weights of step {step - 1}");
        var graded = await GradeAsync([.. StepsOf(round).SelectMany(prompts.OfStep)], round, stop).ConfigureAwait(false);
        IReadOnlyList<Rollout> rollouts = [.. graded.Select(one => one.Rollout)];
        if (_everySteps > 1)
        {
            // Where one step learns them all, the weights that learn are those that answered.
            var old = await RolloutLogProbabilities.ComputeAsync(run, rollouts, _answersEach, Ranks, CancellationToken.None).ConfigureAwait(false);
            graded = [.. graded.Zip(old, (one, numbers) => one with { OldLogProbabilities = numbers })];
        }

        if (reference is not null)
        {
            var numbers = await RolloutLogProbabilities.ComputeAsync(reference, rollouts, _answersEach, Ranks, CancellationToken.None).ConfigureAwait(false);
            graded = [.. graded.Zip(numbers, (one, its) => one with { ReferenceLogProbabilities = its })];
        }

        await FirstAsync(() => _files.Save(round, graded)).ConfigureAwait(false);
        return graded;
    }

    private async Task<IReadOnlyList<GradedRollout>> GradeAsync(IReadOnlyList<PromptRecord> asked, long round, CancellationToken stop)
    {
        var seed = (long)(XxHash3.HashToUInt64(MemoryMarshal.AsBytes([blueprint.Configuration.Training.Seed, round])) >> 1);
        var rollouts = await source.DrawAsync(asked, seed, stop).ConfigureAwait(false);
        Answer[] answers = [.. rollouts.Select(rollout => new Answer(asked[rollout.Prompt], rollout, TextOf(rollout)))];
        var rewards = await reward.RewardAsync(answers, stop).ConfigureAwait(false);
        return [.. rollouts.Zip(rewards, (rollout, number) => new GradedRollout(rollout, number))];
    }

    // What lies on disk is rank 0's.
    private Task FirstAsync(Action body) => Ranks.FirstAsync(Line, () =>
    {
        body();
        return Task.FromResult(true);
    });

    // How an answer's first token is spelled depends on what stands before it.
    private string TextOf(Rollout rollout)
    {
        var decoder = new DecodeStream(tokenizer, skipSpecialTokens: true);
        foreach (var id in rollout.PromptIds) decoder.Append(id);
        return string.Concat(rollout.AnswerIds.Select(decoder.Append)) + decoder.Flush();
    }

    private long RoundOf(long step) => (step - 1) / _everySteps;

    private IEnumerable<long> StepsOf(long round) => Enumerable.Range(1, _everySteps).Select(place => (round * _everySteps) + place);

    private int AnswersOf(long step) => prompts.OfStep(step).Count * blueprint.Configuration.Rollouts.Group;
}
