using Horizon.Flow;
using Horizon.Flow.Blocks;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Examples;

/// <summary>Two update rules that the library does not have: one as an optimizer, one as a block in the update's place.</summary>
public static class CustomOptimizerExample
{
    /// <summary>What <see cref="RunAsync"/> shows.</summary>
    public sealed record Shown(Outcome Mixed, Outcome MixedByBlock, Outcome Signs);

    /// <summary>Trains with each.</summary>
    public static async Task<Shown> RunAsync(TextWriter output, int steps = 30)
    {
        // One way: an IHostOptimizer. The store holds its state, checkpoints carry it.
        var mixed = TrainingPlan.For(Tiny.Model, Tiny.Options with { LearningRate = _ => 5e-3, Optimizer = new AdEMAMix() });

        // The other: a block of your own. Here it holds the same rule, so the results must be the same.
        var byBlock = mixed.At(Stages.Update).Replace((run, stage) => new UpdateBlock(run.Store, new AdEMAMix(), run.Workers, stage));
        var signs = TrainingPlan.For(Tiny.Model, Tiny.Options with { LearningRate = _ => 3e-3 }).At(Stages.Update).Replace(SignDescent);

        var shown = new Shown(
            await Outcome.OfAsync(mixed, steps).ConfigureAwait(false),
            await Outcome.OfAsync(byBlock, steps).ConfigureAwait(false),
            await Outcome.OfAsync(signs, steps).ConfigureAwait(false));
        await output.WriteLineAsync($"AdEMAMix     loss {shown.Mixed.Reports[0].Loss:F3} -> {shown.Mixed.LastLoss:F3}").ConfigureAwait(false);
        await output.WriteLineAsync($"sign descent loss {shown.Signs.Reports[0].Loss:F3} -> {shown.Signs.LastLoss:F3}").ConfigureAwait(false);
        return shown;
    }

    // <snippet>
    /// <summary>signSGD (Bernstein et al., arXiv 1802.04434): each parameter moves by the learning rate against its gradient's sign.</summary>
    private static StageBlock<HostGradient, UnitUpdated> SignDescent(
        TrainingContext run, StageOptions stage) => new(stage, (gradient, _) =>
    {
        var (visit, unit) = (gradient.Visit, run.Store.Units[gradient.Visit.Unit]);
        using (gradient.Slab) // the slab goes back when the update is done
        {
            run.Workers.Sweep(visit.Layout.ElementCount, (_, first, count) =>
            {
                Span<float> master = new float[count], g = new float[count];
                unit.ReadMasters(first, master);
                gradient.View.Read(first, g);
                for (var i = 0; i < count; i++) master[i] -= (float)visit.Step.LearningRate * MathF.Sign(g[i]);
                unit.WriteMasters(first, master);
            });
        }

        return ValueTask.FromResult<UnitUpdated?>(gradient.Updated());
    });
    // </snippet>
}
