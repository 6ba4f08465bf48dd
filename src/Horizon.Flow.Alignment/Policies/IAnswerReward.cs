namespace Horizon.Flow.Alignment.Policies;

/// <summary>Tells how good answers are. One caller at a time.</summary>
public interface IAnswerReward
{
    /// <summary>A finite number for each answer; more is better.</summary>
    /// <param name="answers">The answers.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="HorizonException">An answer cannot be rewarded.</exception>
    Task<IReadOnlyList<double>> RewardAsync(IReadOnlyList<Answer> answers, CancellationToken cancellation = default);
}
