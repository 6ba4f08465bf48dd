using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Tests.Training;

/// <summary>A rule that says what it is about to do.</summary>
internal sealed class WatchedOptimizer(IHostOptimizer inner, Action<UpdateParts> before) : IHostOptimizer
{
    public string Name => inner.Name;

    public IReadOnlyDictionary<string, string> StateSettings => inner.StateSettings;

    public bool UpdatesInParts => inner.UpdatesInParts;

    public IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout) => inner.DescribeState(layout);

    public long GrainOf(ParameterSlot slot) => inner.GrainOf(slot);

    public void Update(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers)
    {
        before(step.Parts);
        inner.Update(unit, gradient, step, workers);
    }
}
