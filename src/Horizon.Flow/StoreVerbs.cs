using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow;

/// <summary>What plans do with stores.</summary>
public static class StoreVerbs
{
    /// <summary>
    /// The same parameters for another plan of the model, one that freezes other units or has other <see cref="TrainingPlan.UnitStates"/>: masters,
    /// moments, counts and the step stay. A unit that is frozen now keeps its moments; one that is trained for the first time gets zeros. The old store
    /// hands its units over and must not be used any more.
    /// </summary>
    /// <param name="store">A store at a step boundary, with no run that uses it.</param>
    /// <param name="plan">With the optimizer that the store was made for.</param>
    /// <param name="allocate">Makes each new buffer of so many bytes, now and later; what made the store's others by default.</param>
    /// <exception cref="HorizonException">The store is of another model or optimizer, damaged, or a step is under way.</exception>
    /// <remarks>After any exception, one of the caller's functions included, the old store is as it was.</remarks>
    public static ParameterStore For(this ParameterStore store, TrainingPlan plan, Func<long, HostBuffer>? allocate = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(plan);
        StoreRules.RequireModel(plan, store);
        return store.For(plan.Options.Optimizer, plan.Trains([.. store.Units.Select(unit => unit.Layout)]), allocate, plan.UnitStates);
    }
}
