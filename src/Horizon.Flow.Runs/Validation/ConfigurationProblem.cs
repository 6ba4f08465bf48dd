namespace Horizon.Flow.Runs.Validation;

/// <summary>One thing that is wrong with a configuration.</summary>
/// <param name="Key">The key that mends it, such as <c>training.batch_size</c>.</param>
/// <param name="Sentence">What is wrong, with the value and what it should be.</param>
public sealed record ConfigurationProblem(string Key, string Sentence);
