using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Units;

namespace Horizon.Flow.Testing;

/// <summary>A model, training settings and capacities: a whole small run, for properties; <see cref="TrainingCases"/> gives random ones.</summary>
/// <param name="Model">The model and its batches.</param>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="MicroBatches">Of each step.</param>
/// <param name="Clip">Whether the global norm is clipped, to 0.5.</param>
/// <param name="RecomputeInterval">Layers of a segment.</param>
/// <param name="Bf16">bf16 weights with exact masters, or fp32.</param>
/// <param name="Capacities">What may change speed and memory, but no bit.</param>
public sealed record TrainingCase(
    ModelCase Model, int Steps, int MicroBatches, bool Clip, int RecomputeInterval, bool Bf16, Capacities Capacities)
{
    /// <summary>A tied decoder of two layers over two steps of two micro-batches, with clipping and one layer's input offloaded.</summary>
    public static TrainingCase Small { get; } = new(
        new ModelCase(2, 1, 2, 4, 8, 12, 11, true, false, false, false, false, null, RopeKind.Default, null, 2, 5, false, 3),
        2, 2, true, 1, false, new Capacities(2, 2, 2, 2, 2, 2, Policies: 0b10_00_10));

    /// <summary>The options of the run.</summary>
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

    /// <summary>The micro-batches of each step.</summary>
    public IEnumerable<IReadOnlyList<MicroBatch>> Batches() =>
        Enumerable.Range(0, Steps).Select(step => Enumerable.Range(0, MicroBatches).Select(i => Model.Batch((step * 100) + i)).ToList());

    /// <summary>The model as units and templates.</summary>
    public ModelDefinition Definition => ModelFamilies.Define(Model.Config);

    /// <summary>The default plan of the case.</summary>
    public TrainingPlan Plan(Capacities? capacities = null) => TrainingPlan.For(Definition, Options(capacities));

    /// <summary>A store that fits the plan, with the case's own initial values.</summary>
    public ParameterStore CreateStore(TrainingPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var store = plan.CreateStore(Bf16 ? StorePrecision.Bf16 : StorePrecision.Fp32);
        StoreValues.Write(store, Model.Parameters());
        return store;
    }

    /// <summary>Trains on the graph, from the case's own initial values.</summary>
    /// <param name="capacities">Others than the case's own.</param>
    /// <param name="rewire">Changes the plan.</param>
    /// <param name="recomputeInterval">Another than the case's own.</param>
    /// <param name="device">Makes the device, which is disposed at the end; a <see cref="CpuDevice"/> by default.</param>
    /// <param name="model">Changes the model.</param>
    /// <exception cref="TestingException">The run left a lease out, or the store is not at the last step.</exception>
    public async Task<TrainingOutcome> TrainAsync(
        Capacities? capacities = null, Func<TrainingPlan, TrainingPlan>? rewire = null, int? recomputeInterval = null, Func<IComputeDevice>? device = null,
        Func<ModelDefinition, ModelDefinition>? model = null)
    {
        var self = this with { RecomputeInterval = recomputeInterval ?? RecomputeInterval };
        var plan = TrainingPlan.For(model is null ? Definition : model(Definition), self.Options(capacities));
        if (rewire is not null) plan = rewire(plan);
        using var store = CreateStore(plan);
        using var used = device is null ? new CpuDevice() : device();
        var run = plan.Start(store, used);
        var reports = new List<StepReport>();
        try
        {
            await foreach (var report in run.StepsAsync(Batches(), ahead: 1).ConfigureAwait(false)) reports.Add(report);
        }
        finally
        {
            await run.DisposeAsync().ConfigureAwait(false);
        }

        Leaks.RequireNoLease(run);
        TestingException.Require(store.Damage is null && store.Step == Steps, $"the store is at step {store.Step} of {Steps}{(store.Damage is null ? "" : $" and damaged: {store.Damage}")}");
        return new TrainingOutcome(reports, StoreValues.Read(store));
    }
}
