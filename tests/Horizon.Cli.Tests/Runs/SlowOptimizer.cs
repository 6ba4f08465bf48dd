using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>AdamW on a host that is so slow that each unit takes a given time of a clock.</summary>
internal sealed class SlowOptimizer(ManualTimeProvider time, TimeSpan each) : IHostOptimizer
{
    private readonly IHostOptimizer _inner = OptimizerFactory.Create("adamw");

    public string Name => _inner.Name;

    public IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout) => _inner.DescribeState(layout);

    public void Update(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers)
    {
        _inner.Update(unit, gradient, step, workers);
        time.Advance(each);
    }
}
