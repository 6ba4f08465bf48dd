using Horizon.Flow;
using Horizon.Flow.Accounting;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Store;

namespace Horizon.Examples;

/// <summary>What a training run gave: each step's report, and the parameters unit by unit.</summary>
public sealed record Outcome(IReadOnlyList<StepReport> Reports, IReadOnlyList<float[]> Parameters)
{
    /// <summary>The loss of the last step.</summary>
    public double LastLoss => Reports[^1].Loss;

    /// <summary>Whether every loss and every parameter is the same to the last bit.</summary>
    public bool IsBitwise(Outcome other) =>
        Reports.Select(report => report.Loss).SequenceEqual(other.Reports.Select(report => report.Loss))
        && Parameters.Zip(other.Parameters).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second));

    /// <summary>Trains the plan's model from its initial values on the tiny data, on the CPU.</summary>
    public static async Task<Outcome> OfAsync(TrainingPlan plan, int steps, GraphRunOptions? run = null)
    {
        using var store = Tiny.CreateStore(plan);
        return await OfAsync(plan, store, steps, run).ConfigureAwait(false);
    }

    /// <summary>Trains a store on the tiny data, on the CPU.</summary>
    public static Task<Outcome> OfAsync(TrainingPlan plan, ParameterStore store, int steps, GraphRunOptions? run = null) =>
        OfAsync(plan, store, Tiny.Steps(steps), run);

    /// <summary>Trains a store on the steps given, on the CPU; the stores of the plan's other models are only read.</summary>
    public static async Task<Outcome> OfAsync(
        TrainingPlan plan, ParameterStore store, IEnumerable<IReadOnlyList<MicroBatch>> steps, GraphRunOptions? run = null, params IReadOnlyList<ParameterStore> others)
    {
        ArgumentNullException.ThrowIfNull(plan);
        using var device = Tiny.CreateDevice();
        var reports = new List<StepReport>();
        await using (var training = plan.Start(store, device, run, others))
        {
            await foreach (var report in training.StepsAsync(steps, ahead: 1).ConfigureAwait(false)) reports.Add(report);
        }

        return new Outcome(reports, Read(store));
    }

    /// <summary>The loss of a store on <see cref="Tiny.HeldOut"/>, on the CPU.</summary>
    /// <param name="plan">Its model.</param>
    /// <param name="store">The parameters.</param>
    /// <param name="others">The stores of the plan's other models.</param>
    public static async Task<double> EvaluateAsync(TrainingPlan plan, ParameterStore store, params IReadOnlyList<ParameterStore> others)
    {
        ArgumentNullException.ThrowIfNull(plan);
        using var device = Tiny.CreateDevice();
        await using var run = plan.Start(store, device, options: null, others);
        return await run.EvaluateAsync(Tiny.HeldOut()).ConfigureAwait(false);
    }

    /// <summary>The fp32 masters of each unit.</summary>
    public static IReadOnlyList<float[]> Read(ParameterStore store) => [.. store.Units.Select(unit =>
    {
        var values = new float[unit.Layout.ElementCount];
        unit.ReadMasters(0, values);
        return values;
    })];
}
