using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Units;

namespace Horizon.Flow.Distributed.Tests;

/// <summary>A <see cref="TrainingCase"/> on several ranks of this process; micro-batch i of a step is rank i mod N's.</summary>
internal sealed record RankTraining(TrainingCase Case, int Ranks)
{
    public int Prefetch { get; init; } = 1;

    public Func<TrainingPlan, TrainingPlan> Rewire { get; init; } = plan => plan;

    public Func<TrainingPlan, int, TrainingPlan> RewireOne { get; init; } = (plan, _) => plan;

    public Func<int, IComputeDevice> Device { get; init; } = _ => new CpuDevice(1);

    /// <summary>Another model than the case's own; its batches must go with it.</summary>
    public ModelConfig? Config { get; init; }

    private ModelDefinition Model => Config is null ? Case.Definition : ModelFamilies.Define(Config);

    private StorePrecision Precision => Case.Bf16 ? StorePrecision.Bf16 : StorePrecision.Fp32;

    public async Task<IReadOnlyList<TrainingOutcome>> TrainAsync()
    {
        var sides = HostCollectives.CreateLocal(Ranks);
        var own = Case with { MicroBatches = Case.MicroBatches / Ranks };
        var plans = sides.Select((side, rank) => RewireOne(Rewire(TrainingPlan.For(Model, own.Options())), rank).Distribute(side, Prefetch)).ToList();
        var stores = plans.Select(plan => plan.CreateStore(Precision)).ToList();
        try
        {
            var reports = await Task.WhenAll(sides.Select((_, rank) => Task.Run(() => RunAsync(
                plans[rank], stores[rank], (plan, store) => SliceValues.Write(plan, store, rank, Ranks, Values()), Case.Batches().Select(step => step.Where((_, i) => i % Ranks == rank).ToList()), Device(rank)))));
            var parameters = SliceValues.Join(plans[0], stores);
            return [.. reports.Select(steps => new TrainingOutcome(steps, parameters))];
        }
        finally
        {
            foreach (var store in stores) store.Dispose();
        }
    }

    /// <summary>The same without ranks: one with all micro-batches.</summary>
    public async Task<TrainingOutcome> AloneAsync()
    {
        var plan = Rewire(TrainingPlan.For(Model, Case.Options()));
        using var store = plan.CreateStore(Precision);
        var reports = await RunAsync(plan, store, (_, filled) => StoreValues.Write(filled, Values()), Case.Batches(), Device(0));
        return new TrainingOutcome(reports, StoreValues.Read(store));
    }

    // The case's own values, and random ones for what it does not know.
    private Dictionary<string, float[]> Values()
    {
        var values = Case.Model.Parameters();
        var random = new Random(Case.Model.Seed);
        foreach (var slot in Model.Units.SelectMany(unit => unit.Parameters).Where(slot => !values.TryGetValue(slot.TensorName, out var known) || known.Length != slot.Count))
            values[slot.TensorName] = [.. Enumerable.Range(0, (int)slot.Count).Select(_ => (float)(0.4 * (random.NextDouble() - 0.5)))];
        return values;
    }

    private async Task<List<StepReport>> RunAsync(
        TrainingPlan plan, ParameterStore store, Action<TrainingPlan, ParameterStore> fill, IEnumerable<IReadOnlyList<MicroBatch>> batches, IComputeDevice device)
    {
        using var used = device;
        fill(plan, store);
        var run = plan.Start(store, used);
        var steps = new List<StepReport>();
        try
        {
            await foreach (var report in run.StepsAsync(batches, ahead: 1)) steps.Add(report);
        }
        finally
        {
            await run.DisposeAsync();
        }

        Leaks.RequireNoLease(run);
        if (store.Damage is not null || store.Step != Case.Steps) throw new TestingException($"the store is at step {store.Step} of {Case.Steps}: {store.Damage}");
        return steps;
    }
}
