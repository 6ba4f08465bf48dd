namespace Horizon.Flow.Distributed;

/// <summary>What of a plan can be cut into slices.</summary>
internal static class SliceRules
{
    /// <exception cref="HorizonException">Says what cannot, and the mend.</exception>
    public static void Require(TrainingPlan plan)
    {
        if (plan.Model.Units.Any(unit => !ReferenceEquals(plan.Options.GradientLayout(unit), unit.Trained) || !ReferenceEquals(plan.Options.StoreLayout(unit), unit)))
            throw new HorizonException("the plan reduces gradients or units by itself, which several ranks do not know how to cut; leave GradientLayout and StoreLayout as they are, or use one rank");
    }
}
