using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>The settings of an update rule. A rule reads those that it has; null stands for the rule's own default.</summary>
public sealed record OptimizerOptions
{
    /// <summary>Decay rates of the moments.</summary>
    /// <value>Null: (0.9, 0.95) for AdamW, (0.9, 0.99) for Lion.</value>
    public (double First, double Second)? Betas { get; init; }

    /// <summary>Added to the denominator of AdamW.</summary>
    /// <value>1e-8.</value>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decay of the weights, decoupled from the gradient except in <c>sgd</c>.</summary>
    /// <value>0.1.</value>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>Momentum of <c>sgd</c>.</summary>
    /// <value>0.9.</value>
    public double Momentum { get; init; } = 0.9;

    /// <summary>Other settings for parameters by name; the first group that matches holds.</summary>
    /// <value>None.</value>
    public IReadOnlyList<ParameterGroup> Groups { get; init; } = [];

    /// <summary>By what a parameter's learning rate is multiplied, and its decay: those of its group, else the rule's; both 0 for a fixed one (<see cref="ParameterSlot.IsFixed"/>).</summary>
    /// <param name="slot">The parameter.</param>
    public (double LearningRateFactor, double WeightDecay) SettingsOf(ParameterSlot slot)
    {
        ArgumentNullException.ThrowIfNull(slot);
        if (slot.IsFixed) return (0, 0);
        var group = Groups.FirstOrDefault(candidate => candidate.Matches(slot.TensorName));
        return (group?.LearningRateFactor ?? 1, group?.WeightDecay ?? WeightDecay);
    }

    /// <summary>Numbers that the state depends on, decay rates or a momentum, as a <see cref="IHostOptimizer.StateSettings"/>.</summary>
    internal static KeyValuePair<string, string> Setting(string name, params double[] values) =>
        new(name, string.Join(", ", values.Select(value => value.ToString("R", System.Globalization.CultureInfo.InvariantCulture))));

    /// <summary>Refuses settings outside their ranges, all of them in one message.</summary>
    /// <exception cref="HorizonException">Names each bad setting, its value and its range.</exception>
    public void Validate()
    {
        var problems = new List<string>();
        void Require(bool holds, string setting, double value, string range)
        {
            if (!holds) problems.Add(FormattableString.Invariant($"{setting} is {value}, but must be {range}"));
        }

        if (Betas is var (first, second))
        {
            Require(first is >= 0 and < 1, "betas[0]", first, "in [0, 1)");
            Require(second is >= 0 and < 1, "betas[1]", second, "in [0, 1)");
        }

        Require(Epsilon > 0 && double.IsFinite(Epsilon), "eps", Epsilon, "above 0");
        Require(WeightDecay >= 0 && double.IsFinite(WeightDecay), "weight_decay", WeightDecay, "0 or more");
        Require(Momentum is >= 0 and < 1, "momentum", Momentum, "in [0, 1)");
        foreach (var group in Groups)
        {
            Require(group.LearningRateFactor >= 0 && double.IsFinite(group.LearningRateFactor), $"the learning rate factor of '{group.Pattern}'", group.LearningRateFactor, "0 or more");
            Require(group.WeightDecay is null or (>= 0 and < double.PositiveInfinity), $"the weight decay of '{group.Pattern}'", group.WeightDecay ?? 0, "0 or more");
        }

        if (problems.Count > 0) throw new HorizonException($"optimizer: {string.Join("; ", problems)}");
    }
}
