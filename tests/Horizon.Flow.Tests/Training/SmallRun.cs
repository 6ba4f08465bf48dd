using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Units;

namespace Horizon.Flow.Tests.Training;

/// <summary>A tiny model of one layer with a batch for each step, for tests of what runs refuse and how they end.</summary>
public static class SmallRun
{
    public static TrainingCase Case { get; } = new(
        new ModelCase(2, 1, 2, 4, 8, 12, 11, true, false, false, false, false, null, RopeKind.Default, null, 2, 5, false, 3),
        3, 1, false, 1, false, new Capacities(2, 2, 2, 2, 2, 2));

    public static ModelDefinition Model => ModelFamilies.Define(Case.Model.Config);

    public static TrainingPlan Plan(Func<TrainingOptions, TrainingOptions>? change = null) =>
        TrainingPlan.For(Model, change is null ? Case.Options() : change(Case.Options()));

    public static ParameterStore NewStore(TrainingPlan plan)
    {
        var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, Case.Model.Parameters());
        return store;
    }

    public static List<MicroBatch> Batch(int step = 0) => [.. Case.Batches().ElementAt(step)];
}
