using Horizon.Flow.Blocks;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Distributed;

/// <summary>What of a plan can be cut into slices.</summary>
internal static class SliceRules
{
    private const string Mend = "choose adamw, adamw8bit, lion or sgd, or one rank";

    /// <exception cref="HorizonException">Says what cannot, and the mend.</exception>
    public static void Require(TrainingPlan plan, int ranks)
    {
        var optimizer = plan.Options.Optimizer;
        if (plan.Model.Units.Any(unit => !ReferenceEquals(plan.Options.GradientLayout(unit), unit) || !ReferenceEquals(plan.Options.StoreLayout(unit), unit)))
            throw new HorizonException("the plan reduces gradients or units by itself, which several ranks do not know how to cut; leave GradientLayout and StoreLayout as they are, or use one rank");
        if (ranks == 1) return;
        if (optimizer is IUpdateStage) throw new HorizonException($"the update rule '{optimizer.Name}' needs whole matrices, and a rank has slices; {Mend}");
        if (optimizer.Name == "adamw8bit") RequireBlocks(plan, ranks);
        else if (!plan.Model.Units.All(unit => IsElementwise(optimizer, unit))) throw new HorizonException($"the update rule '{optimizer.Name}' needs sums over rows and columns of whole matrices, and a rank has slices; {Mend}");
    }

    // Each element of the state belongs to one of the unit.
    private static bool IsElementwise(IHostOptimizer optimizer, UnitLayout unit) =>
        optimizer.Name != "adafactor" && optimizer.DescribeState(unit).All(buffer => buffer.ByteLength % Math.Max(1, unit.ElementCount) == 0);

    // The blocks restart at every parameter: a border within one must lie between two of them.
    private static void RequireBlocks(TrainingPlan plan, int ranks)
    {
        const long Block = 256;
        foreach (var unit in plan.Model.Units.Where(plan.Options.IsTrainable))
        {
            var size = UnitSlices.SizeOf(unit, ranks);
            foreach (var slot in unit.Parameters)
            {
                for (var border = (slot.Offset / size * size) + size; border < slot.Offset + slot.Count; border += size)
                    if ((border - slot.Offset) % Block != 0)
                        throw new HorizonException($"the update rule 'adamw8bit' keeps blocks of {Block} elements, and a slice of {ranks} ends within one of '{slot.TensorName}'; choose adamw or another number of ranks");
            }
        }
    }
}
