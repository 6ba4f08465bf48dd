using Horizon.Flow;
using Horizon.Flow.Activations;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;
using Horizon.Flow.Models;

namespace Horizon.Examples;

/// <summary>Every stage of the default graph as a stock Dataflow block of at most ten lines, with the same results to the last bit.</summary>
public static class StockTwinsExample
{
    /// <summary>A way to train.</summary>
    /// <param name="Name">In words.</param>
    /// <param name="Options">The plan's options.</param>
    /// <param name="Precision">Of the store.</param>
    /// <param name="Tied">Whether head and embedding are one unit.</param>
    public sealed record Case(string Name, TrainingOptions Options, StorePrecision Precision, bool Tied = false);

    /// <summary>What a plan gives: training, the loss on other rows, logits and log-probabilities.</summary>
    public sealed record Given(Outcome Trained, double Evaluation, IReadOnlyList<HostResult> Logits, IReadOnlyList<HostResult> LogProbabilities)
    {
        /// <summary>Whether all of it is the same to the last bit.</summary>
        public bool IsBitwise(Given other) => other is not null && Trained.IsBitwise(other.Trained) && Evaluation.Equals(other.Evaluation)
            && Trained.Reports.Zip(other.Trained.Reports).All(pair => pair.First.GradientNorm.Equals(pair.Second.GradientNorm))
            && Logits.Concat(LogProbabilities).Zip(other.Logits.Concat(other.LogProbabilities)).All(pair => pair.First.Numbers.AsSpan().SequenceEqual(pair.Second.Numbers));
    }

    /// <summary>What the twins are tried on.</summary>
    public static IReadOnlyList<Case> Cases { get; } =
    [
        new("fp32", Tiny.Options, StorePrecision.Fp32),
        new("fp32, clipped", Tiny.Options with { MaxGradientNorm = 0.5 }, StorePrecision.Fp32),
        new("bf16", Tiny.Options, StorePrecision.Bf16),
        new("bf16, clipped, 3 micro-batches", Tiny.Options with { MaxGradientNorm = 0.5, GradientAccumulation = 3 }, StorePrecision.Bf16),
        new("fp32, tied", Tiny.Options, StorePrecision.Fp32, Tied: true),
        new("bf16, tied, clipped, 2 micro-batches", Tiny.Options with { MaxGradientNorm = 0.5, GradientAccumulation = 2 }, StorePrecision.Bf16, Tied: true),
        new("fp32, kept", Tiny.Options with { Activations = _ => ActivationPolicy.Keep }, StorePrecision.Fp32),
        new("bf16, offloaded, in segments of 2", Tiny.Options with { Activations = _ => ActivationPolicy.Offload, RecomputeInterval = 2 }, StorePrecision.Bf16),
    ];

    /// <summary>Trains each case as it is and with twins.</summary>
    public static async Task<IReadOnlyDictionary<string, bool>> RunAsync(TextWriter output, int steps = 5)
    {
        ArgumentNullException.ThrowIfNull(output);
        foreach (var (twin, lines) in StockTwins.Lines()) await output.WriteLineAsync($"{twin,-17}{lines,3} {(lines == 1 ? "line" : "lines")}").ConfigureAwait(false);
        var equal = new Dictionary<string, bool>();
        foreach (var one in Cases)
        {
            var (plain, twins) = (await RunAsync(one, plan => plan, steps).ConfigureAwait(false), await RunAsync(one, StockTwins.Of, steps).ConfigureAwait(false));
            equal.Add(one.Name, plain.IsBitwise(twins));
            await output.WriteLineAsync($"{one.Name}: loss {plain.Trained.Reports[0].Loss:F3} -> {twins.Trained.LastLoss:F3}, bitwise equal {equal[one.Name]}").ConfigureAwait(false);
        }

        return equal;
    }

    /// <summary>Trains one case with another plan.</summary>
    public static async Task<Given> RunAsync(Case one, Func<TrainingPlan, TrainingPlan> change, int steps)
    {
        ArgumentNullException.ThrowIfNull(one);
        ArgumentNullException.ThrowIfNull(change);
        var plan = change(TrainingPlan.For(ModelFamilies.Define(Tiny.Config with { TiedHead = one.Tied }), one.Options));
        using var store = Tiny.Fill(plan, plan.CreateStore(one.Precision));
        var trained = await Outcome.OfAsync(plan, store, Tiny.Steps(steps, rows: 4, microBatches: one.Options.GradientAccumulation)).ConfigureAwait(false);
        using var device = Tiny.CreateDevice();
        await using var run = plan.Start(store, device);
        var other = Tiny.HeldOut(rows: 4);
        return new(
            trained,
            await run.EvaluateAsync(other).ConfigureAwait(false),
            await run.LogitsAsync(other).ConfigureAwait(false),
            await run.LogProbabilitiesAsync(other).ConfigureAwait(false));
    }
}
