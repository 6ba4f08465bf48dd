using Horizon.Flow;
using Horizon.Flow.Models.Common;

namespace Horizon.Examples;

/// <summary>Another loss: label smoothing and a z-loss, as another head of the model.</summary>
public static class CustomLossExample
{
    /// <summary>What <see cref="RunAsync"/> shows.</summary>
    public sealed record Shown(Outcome Plain, Outcome Smoothed, double PlainEvaluation, double SmoothedEvaluation);

    /// <summary>Trains with each loss; both are evaluated by plain cross-entropy.</summary>
    public static async Task<Shown> RunAsync(TextWriter output, int steps = 30)
    {
        // <snippet>
        var model = Tiny.Model;
        var head = new SmoothedHead(model.Head.Template, Roles.Head, Tiny.Config.NormEpsilon, smoothing: 0.1, zWeight: 1e-2);
        var smoothed = TrainingPlan.For(model with { Head = model.Head with { Template = head } }, Tiny.Options);
        // </snippet>

        var (plainOutcome, plainEvaluation) = await TrainAsync(TrainingPlan.For(model, Tiny.Options), steps).ConfigureAwait(false);
        var (smoothedOutcome, smoothedEvaluation) = await TrainAsync(smoothed, steps).ConfigureAwait(false);
        await output.WriteLineAsync($"plain loss    {plainOutcome.Reports[0].Loss:F3} -> {plainOutcome.LastLoss:F3}, cross-entropy on new rows {plainEvaluation:F3}").ConfigureAwait(false);
        await output.WriteLineAsync($"smoothed loss {smoothedOutcome.Reports[0].Loss:F3} -> {smoothedOutcome.LastLoss:F3}, cross-entropy on new rows {smoothedEvaluation:F3}").ConfigureAwait(false);
        return new Shown(plainOutcome, smoothedOutcome, plainEvaluation, smoothedEvaluation);
    }

    private static async Task<(Outcome Outcome, double Evaluation)> TrainAsync(TrainingPlan plan, int steps)
    {
        using var store = Tiny.CreateStore(plan);
        var outcome = await Outcome.OfAsync(plan, store, steps).ConfigureAwait(false);
        return (outcome, await Outcome.EvaluateAsync(plan, store).ConfigureAwait(false));
    }
}
