using Horizon.Flow;
using Horizon.Flow.Host.Optimizers;

namespace Horizon.Examples;

/// <summary>Another set of layers trained each step: a programmer of one's own, and nothing else.</summary>
public static class LayerSamplingExample
{
    /// <summary>What <see cref="RunAsync"/> shows.</summary>
    /// <param name="Full">All layers trained in every step.</param>
    /// <param name="Sampled">Some.</param>
    /// <param name="Drawn">[steps]: the units that each step trained.</param>
    /// <param name="Downloads">[units]: gradients that came down.</param>
    /// <param name="Updates">[units]: updates that each unit's optimizer state has seen.</param>
    public sealed record Shown(Outcome Full, Outcome Sampled, IReadOnlyList<IReadOnlySet<int>> Drawn, int[] Downloads, long[] Updates);

    /// <summary>AdamW whose bias corrections matter.</summary>
    public static TrainingOptions Options { get; } = Tiny.Options with
    {
        Optimizer = OptimizerFactory.Create("adamw", new OptimizerOptions { Epsilon = 1e-4, WeightDecay = 0.1 }),
        MaxGradientNorm = 0.5,
    };

    /// <summary>Trains both ways.</summary>
    public static async Task<Shown> RunAsync(TextWriter output, int steps = 30, int layers = 1, int every = 3)
    {
        ArgumentNullException.ThrowIfNull(output);
        // <snippet>
        var full = TrainingPlan.For(Tiny.Model, Options);
        var sampling = new LayerSampling(full, layers, every, seed: 4);
        var sampled = full.WithProgrammer(_ => sampling);
        // </snippet>
        var downloads = new int[full.Model.Units.Count];
        using var store = Tiny.CreateStore(full);
        var shown = new Shown(
            await Outcome.OfAsync(full, steps).ConfigureAwait(false),
            await Outcome.OfAsync(sampled.At(Stages.Download).TapWaiting("count", gradient => gradient.Visit.Unit, unit => downloads[unit]++), store, steps).ConfigureAwait(false),
            [.. Enumerable.Range(1, steps).Select(step => sampling.TrainedIn(step))],
            downloads,
            [.. store.Units.Select(unit => unit.Updates)]);
        await output.WriteLineAsync($"loss {shown.Full.Reports[0].Loss:F3} -> {shown.Full.LastLoss:F3} with all layers, {shown.Sampled.LastLoss:F3} with {layers} of {Tiny.Config.LayerCount} at a time").ConfigureAwait(false);
        await output.WriteLineAsync($"updates of each unit: {string.Join(' ', shown.Updates)}").ConfigureAwait(false);
        return shown;
    }
}
