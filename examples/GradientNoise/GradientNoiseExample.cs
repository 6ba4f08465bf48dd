using Horizon.Flow;
using Horizon.Flow.Models;

namespace Horizon.Examples;

/// <summary>The gradient noise scale from micro-batches that are accumulated anyway: two taps.</summary>
public static class GradientNoiseExample
{
    /// <summary>What <see cref="RunAsync"/> shows.</summary>
    public sealed record Shown(Outcome Plain, Outcome Watched, GradientNoise Noise);

    /// <summary>Trains with and without taps.</summary>
    public static async Task<Shown> RunAsync(TextWriter output, int steps = 20, int microBatches = 4, bool tied = false, double learningRate = 1e-2)
    {
        ArgumentNullException.ThrowIfNull(output);
        var options = Tiny.Options with { GradientAccumulation = microBatches, LearningRate = _ => learningRate, MaxGradientNorm = 1 };
        // <snippet>
        var plan = TrainingPlan.For(ModelFamilies.Define(Tiny.Config with { TiedHead = tied }), options);
        var noise = new GradientNoise();
        var watched = noise.Watch(plan);
        // </snippet>
        var shown = new Shown(await TrainAsync(plan, steps).ConfigureAwait(false), await TrainAsync(watched, steps).ConfigureAwait(false), noise);
        await output.WriteLineAsync($"noise scale {noise.Scale:F0} labelled tokens over {steps} steps of {Batches(1, microBatches).Single().Sum(batch => batch.LabelledTokens)}").ConfigureAwait(false);
        await output.WriteLineAsync($"in step 1 noise {noise.Of(1).Noise:G3}, signal {noise.Of(1).Signal:G3}; in step {steps} {noise.Of(steps).Noise:G3} and {noise.Of(steps).Signal:G3}").ConfigureAwait(false);
        return shown;
    }

    /// <summary>The steps' micro-batches.</summary>
    public static IEnumerable<IReadOnlyList<MicroBatch>> Batches(int steps, int microBatches) => Tiny.Steps(steps, rows: 2, microBatches: microBatches);

    private static async Task<Outcome> TrainAsync(TrainingPlan plan, int steps)
    {
        using var store = Tiny.CreateStore(plan);
        return await Outcome.OfAsync(plan, store, Batches(steps, plan.Options.GradientAccumulation)).ConfigureAwait(false);
    }
}
