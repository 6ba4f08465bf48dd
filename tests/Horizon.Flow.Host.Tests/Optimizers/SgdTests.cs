using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed class SgdTests : OptimizerContractTests
{
    internal override IHostOptimizer Create(OptimizerOptions options, VectorPath path) => Sgd.Create(options, path);

    [Cases(30)]
    public void Update_SomeSteps_AsInDouble(int seed, bool withMomentum)
    {
        var example = OptimizerCase.From(seed);
        var (momentum, decay) = (withMomentum ? new Random(seed).NextDouble() * 0.99 : 0, new Random(seed).NextDouble());
        var optimizer = Create(new() { Momentum = momentum, WeightDecay = decay }, VectorPaths.Best);
        using var unit = example.Create(optimizer);
        using var workers = new HostWorkers(1);
        var weights = unit.Masters.Select(value => (double)value).ToArray();
        var buffer = new double[unit.Count];
        for (var step = 1; step <= 3; step++)
        {
            unit.Gradients = example.Gradient(step);
            optimizer.Update(unit.State, unit.Gradient, new(step, 0.05, 0.5f), workers);
            var gradients = unit.Gradients;
            for (var i = 0; i < unit.Count; i++)
            {
                buffer[i] = (momentum * buffer[i]) + (0.5 * gradients[i]) + (decay * weights[i]);
                weights[i] -= 0.05 * buffer[i];
            }
        }

        var masters = unit.Masters;
        for (var i = 0; i < unit.Count; i++) Close.Assert(weights[i], masters[i], 0.5, 1e-6);
        if (momentum == 0) Assert.Empty(unit.State.OptimizerState);
    }
}
