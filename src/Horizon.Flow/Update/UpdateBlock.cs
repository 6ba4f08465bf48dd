using Horizon.Flow.Graph;
using Horizon.Flow.Host;

namespace Horizon.Flow;

/// <summary>One optimizer step for one unit, in host memory, as soon as its gradient comes.</summary>
/// <remarks>
/// <para>Takes: <see cref="HostGradient"/>. Gives: <see cref="UnitUpdated"/>.</para>
/// <para>Waits when: another sweep has the host threads.</para>
/// <para>Completes when: told to, after the last gradient.</para>
/// <para>On fault: the unit may be half written; the store is marked as damaged.</para>
/// <para>Owns: the slab, given back after the update.</para>
/// </remarks>
public sealed class UpdateBlock : StageBlock<HostGradient, UnitUpdated>
{
    /// <summary>Creates the block.</summary>
    public UpdateBlock(ParameterStore store, IHostOptimizer optimizer, HostWorkers workers, StageOptions options)
        : base(options, (gradient, _) =>
        {
            var visit = gradient.Visit;
            using (gradient.Slab)
            {
                if (visit.Step.SkipReason is null && !IsFinite(gradient))
                    visit.Step.SkipReason = $"the gradient of unit '{gradient.UnitName}' is not finite; units that came before it were updated";
                if (visit.Step.SkipReason is null) Update(store, optimizer, workers, gradient);
            }

            return ValueTask.FromResult<UnitUpdated?>(new UnitUpdated(visit));
        })
    {
    }

    private static bool IsFinite(HostGradient gradient) => gradient.SumOfSquares is not { } sum || double.IsFinite(sum);

    private static void Update(ParameterStore store, IHostOptimizer optimizer, HostWorkers workers, HostGradient gradient)
    {
        var visit = gradient.Visit;
        try
        {
            optimizer.Update(store.Units[visit.Unit], gradient.View, visit.Step.OptimizerStep(store), workers);
        }
        catch
        {
            store.MarkDamaged($"the update of unit '{gradient.UnitName}' failed half way in step {visit.Step.Number}");
            throw;
        }
    }
}
