using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;

namespace Horizon.Flow.Resources;

/// <summary>What the size of a pool depends on, before anything is allocated.</summary>
/// <param name="Plan">The plan.</param>
/// <param name="WeightType">The type of weights and gradients.</param>
/// <param name="Batch">The micro-batches; null where they are not known.</param>
public sealed record PoolSizing(TrainingPlan Plan, ElementType WeightType, BatchShape? Batch = null)
{
    /// <summary>Elements of the largest unit of any model of the plan.</summary>
    public long LargestUnit => Plan.Models.Max(model => model.Units.Max(unit => unit.ElementCount));

    /// <summary>Elements of the largest gradient of a unit that is trained; 0 where none is.</summary>
    public long LargestGradient => Plan.Model.Units.Where(Plan.Options.IsTrainable).Select(unit => unit.Trained.ElementCount).DefaultIfEmpty(0).Max();

    /// <summary>[units]: elements of a unit's gradient; null for one that is not trained.</summary>
    public IReadOnlyList<long?> Gradients =>
        [.. Plan.Model.Units.Select(unit => Plan.Options.IsTrainable(unit) ? Plan.Options.GradientLayout(unit).ElementCount : (long?)null)];
}
