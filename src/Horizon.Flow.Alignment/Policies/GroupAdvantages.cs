namespace Horizon.Flow.Alignment.Policies;

/// <summary>Advantages of answers to one prompt relative to each other.</summary>
public static class GroupAdvantages
{
    // Answers that are nearly alike do not become far apart.
    private const double Least = 1e-4;

    /// <summary>The rewards minus their mean, over their standard deviation (of a sample) plus 1e-4 where they are scaled.</summary>
    /// <param name="rewards">Of the answers to one prompt.</param>
    /// <param name="scaled">As GRPO does; Dr. GRPO leaves it out, since it makes prompts that are nearly always or never solved count more.</param>
    public static IReadOnlyList<double> Of(IReadOnlyList<double> rewards, bool scaled = true)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        if (rewards.Count == 0) return [];
        var mean = rewards.Average();
        var scale = !scaled ? 1 : Math.Sqrt(rewards.Sum(reward => (reward - mean) * (reward - mean)) / Math.Max(1, rewards.Count - 1)) + Least;
        return [.. rewards.Select(reward => (reward - mean) / scale)];
    }
}
