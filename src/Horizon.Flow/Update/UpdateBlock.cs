using Horizon.Flow.Graph;
using Horizon.Flow.Host;

namespace Horizon.Flow;

/// <summary>One optimizer step for one unit, in host memory, as soon as its gradient comes.</summary>
/// <remarks>
/// <para>Takes: <see cref="HostGradient"/>. Gives: <see cref="UnitUpdated"/>.</para>
/// <para>Waits when: a loss is not known yet, or another sweep has the host threads.</para>
/// <para>Completes when: told to, after the last gradient.</para>
/// <para>On fault: the unit may be half written; the store is marked as damaged.</para>
/// <para>Owns: the slab, given back after the update.</para>
/// </remarks>
public sealed class UpdateBlock : StageBlock<HostGradient, UnitUpdated>
{
    /// <summary>Creates the block.</summary>
    /// <exception cref="HorizonException">The store was made for another update rule.</exception>
    public UpdateBlock(ParameterStore store, IHostOptimizer optimizer, HostWorkers workers, StageOptions options)
        : base(options, (gradient, call) => UpdateOnce.RunAsync(store, gradient, call, step =>
        {
            optimizer.Update(store.Units[gradient.Visit.Unit], gradient.View, step, workers);
            return ValueTask.CompletedTask;
        }))
    {
        ArgumentNullException.ThrowIfNull(store);
        store.Require(optimizer);
    }
}
