using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Host;
using Horizon.Flow.Models;
using Horizon.Flow.Tests.Reference;

namespace Horizon.Flow.Tests.Training;

/// <summary>A random model, random training settings and random capacities.</summary>
public sealed record TrainingCase(
    ModelCase Model, int Steps, int MicroBatches, bool Clip, int RecomputeInterval, bool Bf16, Capacities Capacities)
{
    /// <remarks>eps is large so that rounding noise in gradients that are zero in exact arithmetic is not blown up to the size of a step.</remarks>
    public TrainingOptions Options(Capacities? capacities = null) => new()
    {
        Optimizer = OptimizerFactory.Create("adamw", new OptimizerOptions { Betas = (0.9, 0.95), Epsilon = 1e-4, WeightDecay = 0.1 }),
        LearningRate = _ => 1e-3,
        MaxGradientNorm = Clip ? 0.5 : null,
        GradientAccumulation = MicroBatches,
        RecomputeInterval = RecomputeInterval,
        Activations = (capacities ?? Capacities).PolicyOf,
        HostThreads = (capacities ?? Capacities).HostThreads,
        Pipeline = (capacities ?? Capacities).Pipeline(RecomputeInterval),
    };

    public IEnumerable<IReadOnlyList<(long[] Ids, long[] Targets, long[] Positions, long[]? Documents, int Rows, int Sequence)>> Batches() =>
        Enumerable.Range(0, Steps).Select(step => Enumerable.Range(0, MicroBatches).Select(i => Model.Batch((step * 100) + i)).ToList());

    public static MicroBatch Micro((long[] Ids, long[] Targets, long[] Positions, long[]? Documents, int Rows, int Sequence) batch) =>
        new(batch.Rows, batch.Sequence, batch.Ids, batch.Targets, batch.Positions, batch.Documents);

    /// <summary>Trains on the graph, from the case's own initial values.</summary>
    public async Task<TrainingOutcome> TrainAsync(
        Capacities? capacities = null, Func<TrainingPlan, TrainingPlan>? rewire = null, int? recomputeInterval = null, int? jitter = null,
        Func<ModelDefinition, ModelDefinition>? model = null)
    {
        var self = this with { RecomputeInterval = recomputeInterval ?? RecomputeInterval };
        var definition = ModelFamilies.Define(Model.Config);
        var plan = TrainingPlan.For(model is null ? definition : model(definition), self.Options(capacities));
        if (rewire is not null) plan = rewire(plan);
        using var store = plan.CreateStore(Bf16 ? StorePrecision.Bf16 : StorePrecision.Fp32);
        StoreValues.Write(store, Model.Parameters());
        using IComputeDevice device = jitter is { } seed ? new JitterDevice(seed) : new CpuDevice();
        var run = plan.Start(store, device);
        var reports = new List<StepReport>();
        await foreach (var report in run.StepsAsync(Batches().Select(step => step.Select(Micro).ToList()), ahead: 1)) reports.Add(report);
        await run.DisposeAsync();
        Assert.Equal(0, run.LeasesReclaimed);
        Assert.Null(store.Damage);
        Assert.Equal(Steps, store.Step);
        return new TrainingOutcome(reports, StoreValues.Read(store));
    }

    public static class Cases
    {
        public static Arbitrary<TrainingCase> Training() =>
            (from model in ModelCases.Cases().Generator
             from steps in Gen.Choose(1, 3)
             from microBatches in Gen.Choose(1, 3)
             from clip in Gen.Elements(true, false)
             from interval in Gen.Choose(1, 4)
             from capacities in Capacities.Any
             select new TrainingCase(model, steps, microBatches, clip, interval, false, capacities)).ToArbitrary();
    }
}
