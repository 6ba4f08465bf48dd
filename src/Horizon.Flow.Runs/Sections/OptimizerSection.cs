using Horizon.Flow.Blocks;

namespace Horizon.Flow.Runs.Sections;

/// <summary>The <c>optimizer</c> section. A key that the named rule does not use is ignored by it.</summary>
public sealed record OptimizerSection
{
    /// <summary>The update rule, one of <see cref="UpdateRules.Names"/>.</summary>
    /// <value>Default <c>adamw</c>.</value>
    public string Name { get; init; } = "adamw";

    /// <summary>The learning rate that the schedule starts from.</summary>
    /// <value>Default 1e-4 per step.</value>
    public double LearningRate { get; init; } = 1e-4;

    /// <summary>Decay of the first and second moment, each in [0, 1).</summary>
    /// <value>Default null: the rule's own, [0.9, 0.95] for <c>adamw</c>.</value>
    public ValueList<double>? Betas { get; init; }

    /// <summary>Added to the root of the second moment.</summary>
    /// <value>Default 1e-8.</value>
    public double Eps { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay: each step takes learning rate × this × the parameter off it.</summary>
    /// <value>Default 0.1.</value>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>Momentum of <c>sgd</c> and <c>muon</c>, in [0, 1).</summary>
    /// <value>Default 0.9.</value>
    public double Momentum { get; init; } = 0.9;

    /// <summary>
    /// Other rates for the parameters that a pattern names; the first pattern that matches counts. An empty list decays everything.
    /// </summary>
    /// <value>Default: norms and biases do not decay (<see cref="NoDecay"/>).</value>
    public ValueList<OptimizerGroup> Groups { get; init; } = NoDecay;

    /// <summary>The field's habit: weight decay is for matrices. Either pattern may match nothing.</summary>
    public static ValueList<OptimizerGroup> NoDecay { get; } =
        [new() { Pattern = "*norm.weight", WeightDecay = 0 }, new() { Pattern = "*.bias", WeightDecay = 0 }];
}
