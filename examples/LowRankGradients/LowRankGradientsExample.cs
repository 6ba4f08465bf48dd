using Horizon.Flow;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Common;

namespace Horizon.Examples;

/// <summary>Gradients that come down small: a stage on the edge before download, and an update rule that knows how to project back.</summary>
public static class LowRankGradientsExample
{
    /// <summary>What <see cref="RunAsync"/> shows.</summary>
    /// <param name="Whole">AdamW with whole gradients.</param>
    /// <param name="Small">With small ones.</param>
    /// <param name="BytesWhole">Bytes of gradients that came down.</param>
    /// <param name="BytesSmall">Of small ones.</param>
    /// <param name="StateWhole">Bytes of optimizer state.</param>
    /// <param name="StateSmall">With small gradients, projections counted.</param>
    public sealed record Shown(Outcome Whole, Outcome Small, long BytesWhole, long BytesSmall, long StateWhole, long StateSmall);

    /// <summary>AdamW without weight decay.</summary>
    public static IHostOptimizer AdamW { get; } = OptimizerFactory.Create("adamw", new OptimizerOptions { WeightDecay = 0, Epsilon = 1e-4 });

    /// <summary>The matrices of attention and feed-forward.</summary>
    public static bool IsLayers(ParameterSlot slot) => slot is not null && slot.Role is Roles.Query or Roles.Key or Roles.Value or Roles.Output or Roles.Gate or Roles.Up or Roles.Down;

    /// <summary>Trains with both.</summary>
    public static async Task<Shown> RunAsync(TextWriter output, int steps = 30, int rank = 8, StorePrecision precision = StorePrecision.Fp32)
    {
        ArgumentNullException.ThrowIfNull(output);
        var options = Tiny.Options with { Optimizer = AdamW, MaxGradientNorm = 0.5 };
        // <snippet>
        var plan = new LowRankGradients(AdamW, rank, IsLayers, every: 10, scale: 1).Plan(Tiny.Model, options);
        // </snippet>
        var (whole, bytesWhole, stateWhole) = await TrainAsync(TrainingPlan.For(Tiny.Model, options), steps, precision).ConfigureAwait(false);
        var (small, bytesSmall, stateSmall) = await TrainAsync(plan, steps, precision).ConfigureAwait(false);
        await output.WriteLineAsync($"loss {whole.Reports[0].Loss:F3} -> {whole.LastLoss:F3} whole, {small.LastLoss:F3} at rank {rank}").ConfigureAwait(false);
        await output.WriteLineAsync($"gradients that came down: {bytesWhole:N0} bytes whole, {bytesSmall:N0} small; optimizer state {stateWhole:N0} and {stateSmall:N0}").ConfigureAwait(false);
        return new Shown(whole, small, bytesWhole, bytesSmall, stateWhole, stateSmall);
    }

    private static async Task<(Outcome Outcome, long BytesDown, long StateBytes)> TrainAsync(TrainingPlan plan, int steps, StorePrecision precision)
    {
        var down = 0L;
        var counted = plan.At(Stages.Download).TapWaiting("count bytes", gradient => gradient.View.Count * gradient.Type.ByteSize(), bytes => down += bytes);
        using var store = Tiny.Fill(plan, plan.CreateStore(precision));
        var outcome = await Outcome.OfAsync(counted, store, steps).ConfigureAwait(false);
        return (outcome, down, store.Units.Sum(unit => unit.OptimizerState.Sum(buffer => buffer.ByteLength)));
    }
}
