using Horizon.Flow.Host.Store;

namespace Horizon.Flow;

/// <summary>What a plan asks of the stores that a run is started with.</summary>
internal static class StoreRules
{
    /// <exception cref="HorizonException">Says what does not fit, and the mend.</exception>
    public static void Require(TrainingPlan plan, IReadOnlyList<ParameterStore> stores)
    {
        if (stores.Count != plan.Models.Count)
            throw new HorizonException($"the plan has {plan.Models.Count} models and was started with {stores.Count} stores; give one for each, the trained one first");
        RequireTrained(plan, stores[0]);
        for (var i = 1; i < stores.Count; i++)
        {
            if (stores[i].Damage is { } damage) throw new HorizonException($"the parameters of model {i} are not at one step: {damage}; load them again");
            if (!Fits(plan, i, stores[i])) throw new HorizonException($"store {i} was made for another model than the plan's model {i}; create it for that one");
            if (stores[i].WeightType != stores[0].WeightType)
                throw new HorizonException($"store {i} holds {stores[i].WeightType} weights, the trained one {stores[0].WeightType}; they share device buffers: create both in one precision");
        }
    }

    private static void RequireTrained(TrainingPlan plan, ParameterStore store)
    {
        if (store.IsHandedOver)
            throw new HorizonException("the store's units were handed over to another store; start the run with that one");
        if (store.IsUnderWay && store.Damage is null)
            throw new HorizonException($"another run has a step after step {store.Step} of this store under way; dispose that run first");
        if (store.Damage is { } damage)
            throw new HorizonException($"the parameters in memory are not at one step: {damage}; load the last checkpoint");
        RequireModel(plan, store);
        for (var unit = 0; unit < store.Units.Count; unit++)
        {
            if (store.IsTrainable(unit) != plan.Options.IsTrainable(plan.Model.Units[unit]))
                throw new HorizonException($"unit '{plan.Model.Units[unit].Name}' is {(store.IsTrainable(unit) ? "trained" : "frozen")} in the store but not in the plan; create the store with the plan's CreateStore, or take it over with store.For(plan)");
            foreach (var own in plan.UnitStates)
            {
                var (needed, there) = (own.BytesOf(plan.Options.StoreLayout(plan.Model.Units[unit])), store.Units[unit].Own.GetValueOrDefault(own.Name)?.ByteLength ?? 0);
                if (needed != there)
                    throw new HorizonException($"unit '{plan.Model.Units[unit].Name}' has {there} bytes of '{own.Name}' in the store, the plan asks for {needed}; create the store with the plan's CreateStore, or take it over with store.For(plan)");
            }
        }
    }

    /// <exception cref="HorizonException">The store is of another model.</exception>
    public static void RequireModel(TrainingPlan plan, ParameterStore store)
    {
        if (!Fits(plan, 0, store)) throw new HorizonException("the store was made for another model; create it with the plan's CreateStore");
    }

    private static bool Fits(TrainingPlan plan, int model, ParameterStore store) => store.Units.Count == plan.Models[model].Units.Count
        && store.Units.Zip(plan.Models[model].Units).All(pair => pair.First.Layout.ElementCount == plan.Options.StoreLayout(pair.Second).ElementCount);
}
