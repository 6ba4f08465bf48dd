using Horizon.Flow.Distributed;

namespace Horizon.Flow.Alignment.Policies;

/// <summary>The log-probabilities of answers' tokens.</summary>
public static class RolloutLogProbabilities
{
    // So many micro-batches go through each layer while it is on the device.
    private const int Together = 8;

    /// <summary>Those with the parameters of a run after all steps begun so far; the store is streamed once for up to eight micro-batches.</summary>
    /// <param name="run">A run of the model.</param>
    /// <param name="rollouts">The answers.</param>
    /// <param name="answersEach">Answers of a micro-batch.</param>
    /// <param name="ranks">The ranks that share the run, each of which asks for the same; null where there is one.</param>
    /// <param name="cancellation">Gives up waiting for room; the run is then stopped.</param>
    /// <returns>For each answer a number for each of its tokens.</returns>
    public static async Task<IReadOnlyList<IReadOnlyList<float>>> ComputeAsync(TrainingRun run, IReadOnlyList<Rollout> rollouts, int answersEach, ICollectives? ranks = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(rollouts);
        var batches = RolloutBatches.Of(rollouts, new double[rollouts.Count], answersEach);
        var results = await SharedPass.RunAsync(run, batches, Program.Ops.LogProbabilities, Together, ranks, (_, result) => result.Numbers, cancellation).ConfigureAwait(false);
        return Split(rollouts, results.SelectMany(numbers => numbers));
    }

    /// <summary>Those of a held reference.</summary>
    /// <inheritdoc cref="ComputeAsync(TrainingRun, IReadOnlyList{Rollout}, int, ICollectives, CancellationToken)"/>
    /// <param name="reference">The reference.</param>
    /// <param name="rollouts">The answers.</param>
    /// <param name="answersEach">Answers of a micro-batch.</param>
    /// <param name="ranks">The ranks that share it.</param>
    /// <param name="cancellation">Gives up waiting for room.</param>
    public static Task<IReadOnlyList<IReadOnlyList<float>>> ComputeAsync(HeldReference reference, IReadOnlyList<Rollout> rollouts, int answersEach, ICollectives? ranks = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        return ComputeAsync(reference.Run, rollouts, answersEach, ranks, cancellation);
    }

    private static List<IReadOnlyList<float>> Split(IReadOnlyList<Rollout> rollouts, IEnumerable<float> numbers)
    {
        var (all, start) = (numbers.ToArray(), 0);
        var parts = new List<IReadOnlyList<float>>();
        foreach (var count in rollouts.Select(rollout => rollout.AnswerIds.Count))
        {
            parts.Add(all[start..(start + count)]);
            start += count;
        }

        return parts;
    }
}
