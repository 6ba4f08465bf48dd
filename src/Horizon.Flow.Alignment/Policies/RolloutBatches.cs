namespace Horizon.Flow.Alignment.Policies;

/// <summary>Answers with their advantages as micro-batches.</summary>
public static class RolloutBatches
{
    /// <summary>Answers one behind another, their tokens labelled, with the column of advantages.</summary>
    /// <param name="rollouts">The answers, each of one token or more.</param>
    /// <param name="advantages">One for each.</param>
    /// <param name="answersEach">Answers of a micro-batch.</param>
    public static IReadOnlyList<MicroBatch> Of(IReadOnlyList<Rollout> rollouts, IReadOnlyList<double> advantages, int answersEach)
    {
        ArgumentNullException.ThrowIfNull(rollouts);
        ArgumentNullException.ThrowIfNull(advantages);
        ArgumentOutOfRangeException.ThrowIfNotEqual(advantages.Count, rollouts.Count, nameof(advantages));
        return [.. rollouts.Zip(advantages).Chunk(answersEach).Select(Batch)];
    }

    /// <summary>The same, with the columns of log-probabilities that the answers have.</summary>
    /// <param name="rollouts">The answers; all of them have a column, or none.</param>
    /// <param name="advantages">One for each.</param>
    /// <param name="answersEach">Answers of a micro-batch.</param>
    public static IReadOnlyList<MicroBatch> Of(IReadOnlyList<GradedRollout> rollouts, IReadOnlyList<double> advantages, int answersEach)
    {
        ArgumentNullException.ThrowIfNull(rollouts);
        var batches = Of([.. rollouts.Select(one => one.Rollout)], advantages, answersEach);
        return [.. rollouts.Chunk(answersEach).Zip(batches, (answers, batch) =>
            WithColumn(WithColumn(batch, GrpoObjective.OldColumn, answers, one => one.OldLogProbabilities), ReferenceLogProbabilities.Column, answers, one => one.ReferenceLogProbabilities))];
    }

    /// <summary>Advantages of answers that lie by prompts, relative to those to the same prompt.</summary>
    /// <param name="rollouts">The answers.</param>
    /// <param name="rewards">One for each.</param>
    /// <param name="scaled">As in <see cref="GroupAdvantages"/>.</param>
    public static IReadOnlyList<double> Advantages(IReadOnlyList<Rollout> rollouts, IReadOnlyList<double> rewards, bool scaled = true)
    {
        ArgumentNullException.ThrowIfNull(rollouts);
        ArgumentNullException.ThrowIfNull(rewards);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rewards.Count, rollouts.Count, nameof(rewards));
        var advantages = new double[rollouts.Count];
        foreach (var group in rollouts.Index().GroupBy(one => one.Item.Prompt).Select(group => group.Select(one => one.Index).ToList()))
            foreach (var (place, advantage) in group.Zip(GroupAdvantages.Of([.. group.Select(place => rewards[place])], scaled))) advantages[place] = advantage;
        return advantages;
    }

    private static MicroBatch WithColumn(MicroBatch batch, string column, GradedRollout[] answers, Func<GradedRollout, IReadOnlyList<float>?> of)
    {
        if (answers.All(one => of(one) is null)) return batch;
        return batch.WithColumn(column, [.. answers.SelectMany(one => of(one) is { } values && values.Count == one.Rollout.AnswerIds.Count ? values
            : throw new ArgumentException($"an answer lacks the column {column}, or has another number of values than tokens", nameof(answers)))]);
    }

    private static MicroBatch Batch((Rollout Rollout, double Advantage)[] answers)
    {
        var count = answers.Sum(one => one.Rollout.PromptIds.Count + one.Rollout.AnswerIds.Count);
        long[] ids = new long[count], targets = new long[count], positions = new long[count], documents = new long[count];
        Array.Fill(targets, MicroBatch.Unlabelled);
        var at = 0;
        for (var number = 0; number < answers.Length; number++)
        {
            var (start, rollout) = (at, answers[number].Rollout);
            foreach (var id in rollout.PromptIds.Concat(rollout.AnswerIds))
            {
                (ids[at], positions[at], documents[at]) = (id, at - start, number);
                at++;
            }

            for (var place = start + rollout.PromptIds.Count - 1; place < at - 1; place++) targets[place] = ids[place + 1];
        }

        return new MicroBatch(1, count, ids, targets, positions, documents).WithColumn(GrpoObjective.AdvantageColumn, [.. answers.Select(one => (float)one.Advantage)]);
    }
}
