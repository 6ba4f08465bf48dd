using System.Collections.Concurrent;
using Horizon.Flow;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Messages;

namespace Horizon.Examples;

/// <summary>
/// Clipping by unit and Gaussian noise, in the manner of DP-SGD (Abadi et al., arXiv 1607.00133), as two functions on an edge. There is no
/// norm over all units to wait for: each unit is updated while backward goes on below it. (The real DP-SGD clips each example's
/// gradient; this one clips the batch's.)
/// </summary>
public static class NoiseAndClipExample
{
    /// <summary>The largest norm of one unit's gradient.</summary>
    public const double MaximumNorm = 0.05;

    /// <summary>The noise's deviation over <see cref="MaximumNorm"/>.</summary>
    public const double NoiseMultiplier = 0.02;

    /// <summary>What <see cref="RunAsync"/> shows.</summary>
    /// <param name="Plain">Neither.</param>
    /// <param name="Private">Both.</param>
    /// <param name="Narrow">Both, with one buffer of everything and one thread.</param>
    /// <param name="Seen">The gradient as it left gather, clip and noise, by step and unit.</param>
    public sealed record Shown(
        Outcome Plain, Outcome Private, Outcome Narrow, IReadOnlyDictionary<(string Stage, long Step, int Unit), float[]> Seen);

    /// <summary>Plain SGD, so that the parameters show exactly what was subtracted.</summary>
    public static TrainingOptions Options { get; } = Tiny.Options with
    {
        Optimizer = OptimizerFactory.Create("sgd", new OptimizerOptions { Momentum = 0, WeightDecay = 0 }),
        LearningRate = _ => 1,
    };

    /// <summary>Trains without and with.</summary>
    public static async Task<Shown> RunAsync(TextWriter output, int steps = 30)
    {
        var plain = TrainingPlan.For(Tiny.Model, Options);
        var narrow = Options with
        {
            HostThreads = 1,
            Pipeline = new() { DeviceBuffers = 1, GradientBuffers = 1, GradientSlabs = 1, FetchAhead = 1, StageCapacity = 1 },
        };
        var seen = new ConcurrentDictionary<(string, long, int), float[]>();
        var shown = new Shown(
            await Outcome.OfAsync(plain, steps).ConfigureAwait(false),
            await Outcome.OfAsync(Watch(Protect(plain, 11), seen), steps).ConfigureAwait(false),
            await Outcome.OfAsync(Protect(TrainingPlan.For(Tiny.Model, narrow), 11), steps).ConfigureAwait(false),
            seen);
        await output.WriteLineAsync($"loss {shown.Plain.Reports[0].Loss:F3} -> {shown.Plain.LastLoss:F3} plain, {shown.Private.LastLoss:F3} with clipping to {MaximumNorm} a unit and noise").ConfigureAwait(false);
        await output.WriteLineAsync($"the noise is the same in a run with one buffer of everything: {shown.Private.IsBitwise(shown.Narrow)}").ConfigureAwait(false);
        return shown;
    }

    // <snippet>
    private static TrainingPlan Protect(TrainingPlan plan, long seed) => plan
        .At(Stages.Accumulate).ChangeGradient("noise", (gradient, first, values) =>
        {
            var noise = new CounterNoise(seed, gradient.Step, gradient.Visit.Unit);
            for (var i = 0; i < values.Length; i++) values[i] += (float)(NoiseMultiplier * MaximumNorm * noise.At(first + i));
        })
        .At(Stages.Accumulate).ChangeGradient("clip unit", (gradient, _, values) => // the later insert stands nearer to the stage: sum, clip, noise
        {
            var scale = (float)Math.Min(1, MaximumNorm / Math.Sqrt(gradient.SumOfSquares!.Value));
            for (var i = 0; i < values.Length; i++) values[i] *= scale;
        });
    // </snippet>

    private static TrainingPlan Watch(TrainingPlan plan, ConcurrentDictionary<(string Stage, long Step, int Unit), float[]> seen) =>
        new[] { "noise", "clip unit", Stages.Accumulate.Name }.Aggregate(plan, (watched, name) => watched
            .At(new StageKey<HostGradient, HostGradient>(name))
            .Tap($"watch {name}", Look, look => seen[(name, look.Step, look.Unit)] = look.Values));

    private static (long Step, int Unit, float[] Values) Look(HostGradient gradient)
    {
        var values = new float[gradient.View.Count];
        gradient.View.Read(0, values);
        return (gradient.Step, gradient.Visit.Unit, values);
    }
}
