using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Blocks;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Units;

namespace Horizon.Flow.Tests.Checkpointing;

/// <summary>A random run: model, optimizer, precision, capacities, perhaps a frozen unit, perhaps a step that is skipped.</summary>
/// <param name="Training">Model, micro-batches, clipping, interval, precision.</param>
/// <param name="Optimizer">The update rule's name.</param>
/// <param name="Frozen">The unit that is not trained; null for none.</param>
/// <param name="SkippedStep">The step whose gradient is not finite; 0 for none.</param>
/// <param name="SavedStep">The step after which a checkpoint is taken, before the last one.</param>
/// <param name="CopyBuffers">Copies that may wait for the disk.</param>
/// <param name="Seed">Of timing and of the second run's capacities.</param>
public sealed record CheckpointCase(TrainingCase Training, string Optimizer, int? Frozen, int SkippedStep, int SavedStep, int CopyBuffers, int Seed)
{
    public ModelDefinition Model => ModelFamilies.Define(Training.Model.Config);

    public StorePrecision Precision => Training.Bf16 ? StorePrecision.Bf16 : StorePrecision.Fp32;

    /// <summary>The plan; another variant has other capacities, threads and recompute interval.</summary>
    public TrainingPlan Plan(int variant = 0)
    {
        var random = new Random(Seed + variant);
        var capacities = variant == 0 ? Training.Capacities : new Capacities(random.Next(1, 5), random.Next(1, 5), random.Next(1, 5), random.Next(1, 5), random.Next(1, 5), random.Next(1, 5));
        var training = variant == 0 ? Training : Training with { RecomputeInterval = random.Next(1, 5) };
        var model = Model;
        var options = training.Options(capacities) with { Optimizer = UpdateRules.Create(Optimizer), LearningRate = step => 1e-3 * Math.Min(1, step / 3.0) };
        var plan = TrainingPlan.For(model, options).At(Stages.Download).InsertAfter("poison", gradient =>
        {
            if (gradient.Visit.Step.Number == SkippedStep) gradient.View.Write(0, [float.NaN]);
            return gradient;
        });
        return Frozen is { } frozen ? plan.Freeze(unit => unit.Name == model.Units[frozen].Name) : plan;
    }

    public ParameterStore NewStore(TrainingPlan plan)
    {
        var store = plan.CreateStore(Precision);
        StoreValues.Write(store, Training.Model.Parameters());
        return store;
    }

    /// <summary>The micro-batches of the steps after one, up to another.</summary>
    public IEnumerable<IReadOnlyList<MicroBatch>> Steps(int after, int upTo) =>
        Training.Batches().Skip(after).Take(upTo - after);

    /// <summary>Trains on from where the store is, and gives the losses and norms.</summary>
    public async Task<List<(double Loss, double Norm, bool Skipped)>> TrainAsync(TrainingPlan plan, ParameterStore store, int upTo, GraphRunOptions? options = null)
    {
        using var device = new JitterDevice(Seed);
        var run = plan.Start(store, device, options);
        var reports = new List<(double, double, bool)>();
        await foreach (var report in run.StepsAsync(Steps((int)store.Step, upTo), ahead: 1)) reports.Add((report.Loss, report.GradientNorm, report.Skipped));
        await run.DisposeAsync();
        Assert.Equal(0, run.LeasesReclaimed);
        return reports;
    }

    /// <summary>Every byte of the store, and its counters.</summary>
    public static IReadOnlyList<byte[]> State(ParameterStore store) =>
    [
        BitConverter.GetBytes(store.Step),
        .. store.Units.Select((unit, i) => (byte[])[.. BitConverter.GetBytes(store.VersionOf(i)), .. BitConverter.GetBytes(unit.Updates)]),
        .. store.Units.SelectMany(unit => unit.OptimizerState.Append(unit.Weights).Append(unit.Difference)).OfType<HostBuffer>()
            .Select(buffer => buffer.Span<byte>(0, (int)buffer.ByteLength).ToArray()),
    ];

    public static class Cases
    {
        public static Arbitrary<CheckpointCase> Checkpoints() =>
            (from training in TrainingCases.Training().Generator
             from bf16 in Gen.Elements(true, false)
             from optimizer in Gen.Elements(UpdateRules.Names.AsEnumerable())
             from frozen in Gen.Choose(0, 5)
             from skipped in Gen.Choose(0, 8)
             from steps in Gen.Choose(2, 5)
             from saved in Gen.Choose(1, steps - 1)
             from copies in Gen.Choose(0, 2)
             from seed in Gen.Choose(0, 1 << 20)
             let units = ModelFamilies.Define(training.Model.Config).Units.Count
             select new CheckpointCase(
                 training with { Bf16 = bf16, Steps = steps, MicroBatches = Math.Min(training.MicroBatches, 2) }, optimizer, frozen < units && units > 2 ? frozen : null, skipped, saved, copies, seed)).ToArbitrary();
    }
}
