namespace Horizon.Flow.Runs.Sections;

/// <summary>The section <c>rollouts.rewards</c>: what tells how good an answer is, by one of its keys.</summary>
public sealed record RewardsSection
{
    /// <summary>
    /// A program and its arguments: for each answer it is given a line <c>{"prompt": …, "answer": …, "record": {…}}</c>, and writes a line <c>{"reward": number}</c>.
    /// </summary>
    /// <value>Default <c>[]</c>.</value>
    public ValueList<string> Command { get; init; } = [];

    /// <summary>A text; an answer that holds it has the reward 1, another 0.</summary>
    /// <value>Default unset.</value>
    public string? Contains { get; init; }

    /// <summary>A regular expression; an answer in which it finds something has the reward 1, another 0.</summary>
    /// <value>Default unset.</value>
    public string? Matches { get; init; }

    /// <summary>A column of the data; an answer that is what it holds has the reward 1, another 0. White space around them does not count.</summary>
    /// <value>Default unset.</value>
    public string? Equal { get; init; }

    /// <summary>The folder of a reward model with the same tokens; an answer's reward is its score.</summary>
    /// <value>Default unset.</value>
    [PathKey]
    public string? Model { get; init; }

    /// <summary>An answer whose reward is this or more has passed: the metric <c>passed</c> is their share.</summary>
    /// <value>Default 0.5.</value>
    public double Passing { get; init; } = 0.5;

    /// <summary>How long <see cref="Command"/> may take for the next reward, in seconds.</summary>
    /// <value>Default 600.</value>
    public double Patience { get; init; } = 600;
}
