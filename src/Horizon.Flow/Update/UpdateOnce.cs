using Horizon.Flow.Graph;
using Horizon.Flow.Host;

namespace Horizon.Flow;

/// <summary>What is the same around every update rule: a step that is skipped touches nothing, a failed update damages the store.</summary>
internal static class UpdateOnce
{
    public static async ValueTask<UnitUpdated?> RunAsync(
        ParameterStore store, HostGradient gradient, StageCall call, Func<OptimizerStep, ValueTask> update)
    {
        var visit = gradient.Visit;
        using (gradient.Slab)
        {
            // The losses come from the head, long before any gradient: this waits where the last copy of one is still under way.
            await call.WaitForGraph(new ValueTask(visit.Step.LossesKnown.WaitAsync(call.Cancellation))).ConfigureAwait(false);
            visit.Step.SkipReason ??= visit.Step.BadLoss ?? (IsFinite(gradient) ? null
                : $"the gradient of {visit.Step.BadGradient ?? $"unit '{gradient.UnitName}'"} is not finite; units that came before it were updated");
            if (visit.Step.SkipReason is null) await UpdateAsync(store, gradient, update).ConfigureAwait(false);
        }

        return new UnitUpdated(visit);
    }

    private static bool IsFinite(HostGradient gradient) => gradient.SumOfSquares is not { } sum || double.IsFinite(sum);

    private static async ValueTask UpdateAsync(ParameterStore store, HostGradient gradient, Func<OptimizerStep, ValueTask> update)
    {
        var step = gradient.Visit.Step;
        var unit = store.Units[gradient.Visit.Unit];
        try
        {
            await update(new OptimizerStep(unit.Updates + 1, step.LearningRate, step.GradientScale)).ConfigureAwait(false);
            unit.Updates++;
        }
        catch
        {
            store.MarkDamaged($"the update of unit '{gradient.UnitName}' failed half way in step {step.Number}");
            throw;
        }
    }
}
