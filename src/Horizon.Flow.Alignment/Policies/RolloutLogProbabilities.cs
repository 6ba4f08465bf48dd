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
    /// <param name="cancellation">Gives up waiting for room; the run is then stopped.</param>
    /// <returns>For each answer a number for each of its tokens.</returns>
    public static async Task<IReadOnlyList<IReadOnlyList<float>>> ComputeAsync(TrainingRun run, IReadOnlyList<Rollout> rollouts, int answersEach, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(rollouts);
        var batches = RolloutBatches.Of(rollouts, new double[rollouts.Count], answersEach);
        var results = await LayerPass.RunAsync(run, batches, Program.Ops.LogProbabilities, Together, cancellation).ConfigureAwait(false);
        return Split(rollouts, results.SelectMany(result => result.Numbers));
    }

    /// <summary>Those of a held reference.</summary>
    /// <inheritdoc cref="ComputeAsync(TrainingRun, IReadOnlyList{Rollout}, int, CancellationToken)"/>
    /// <param name="reference">The reference.</param>
    /// <param name="rollouts">The answers.</param>
    /// <param name="answersEach">Answers of a micro-batch.</param>
    /// <param name="cancellation">Gives up waiting for room.</param>
    public static Task<IReadOnlyList<IReadOnlyList<float>>> ComputeAsync(HeldReference reference, IReadOnlyList<Rollout> rollouts, int answersEach, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        return ComputeAsync(reference.Run, rollouts, answersEach, cancellation);
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
