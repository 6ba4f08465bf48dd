using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Distributed.Tests;

/// <summary>A <see cref="TrainingCase"/> on several ranks of this process; micro-batch i of a step is rank i mod N's.</summary>
internal sealed record RankTraining(TrainingCase Case, int Ranks)
{
    public int Prefetch { get; init; } = 1;

    public Func<TrainingPlan, TrainingPlan> Rewire { get; init; } = plan => plan;

    public Func<TrainingPlan, int, TrainingPlan> RewireOne { get; init; } = (plan, _) => plan;

    public Func<int, IComputeDevice> Device { get; init; } = _ => new CpuDevice(1);

    public async Task<IReadOnlyList<TrainingOutcome>> TrainAsync()
    {
        var sides = HostCollectives.CreateLocal(Ranks);
        var own = Case with { MicroBatches = Case.MicroBatches / Ranks };
        var stores = new ParameterStore[Ranks];
        try
        {
            var reports = await Task.WhenAll(sides.Select((side, rank) => Task.Run(async () =>
            {
                var plan = RewireOne(Rewire(TrainingPlan.For(Case.Definition, own.Options())), rank).Distribute(side, Prefetch);
                stores[rank] = plan.CreateStore(Case.Bf16 ? StorePrecision.Bf16 : StorePrecision.Fp32);
                SliceValues.Write(plan, stores[rank], rank, Ranks, Case.Model.Parameters());
                using var device = Device(rank);
                var run = plan.Start(stores[rank], device);
                var steps = new List<StepReport>();
                try
                {
                    await foreach (var report in run.StepsAsync(Case.Batches().Select(step => step.Where((_, i) => i % Ranks == rank).ToList()), ahead: 1)) steps.Add(report);
                }
                finally
                {
                    await run.DisposeAsync();
                }

                Leaks.RequireNoLease(run);
                if (stores[rank].Damage is not null || stores[rank].Step != Case.Steps) throw new TestingException($"the store is at step {stores[rank].Step} of {Case.Steps}: {stores[rank].Damage}");
                return steps;
            })));
            var parameters = SliceValues.Join(Case.Definition, stores);
            return [.. reports.Select(steps => new TrainingOutcome(steps, parameters))];
        }
        finally
        {
            foreach (var store in stores) store?.Dispose();
        }
    }
}
