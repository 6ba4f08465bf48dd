using Horizon.Flow;

namespace Horizon.Examples;

/// <summary>An update rule of one's own at the full speed of the host: written once for one element, run in the widest vectors.</summary>
public static class OwnRuleExample
{
    /// <summary>Trains with it.</summary>
    public static async Task<Outcome> RunAsync(TextWriter output, int steps = 30)
    {
        var plan = TrainingPlan.For(Tiny.Model, Tiny.Options with { LearningRate = _ => 1e-2, Optimizer = new AdaBelief() });
        var outcome = await Outcome.OfAsync(plan, steps).ConfigureAwait(false);
        await output.WriteLineAsync($"AdaBelief loss {outcome.Reports[0].Loss:F3} -> {outcome.LastLoss:F3}").ConfigureAwait(false);
        return outcome;
    }
}
