namespace Horizon.Flow.Runs.Sections;

/// <summary>Parameters, chosen by name, that learn at another rate or decay otherwise.</summary>
public sealed record OptimizerGroup
{
    /// <summary>Which parameter names belong to the group; <c>*</c> stands for anything. Required.</summary>
    /// <value>No default.</value>
    public string? Pattern { get; init; }

    /// <summary>Multiplies the learning rate.</summary>
    /// <value>Default 1.</value>
    public double LearningRateFactor { get; init; } = 1;

    /// <summary>Takes the place of <c>optimizer.weight_decay</c>; null keeps that.</summary>
    /// <value>Default null.</value>
    public double? WeightDecay { get; init; }
}
