using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed class LionTests : OptimizerContractTests
{
    internal override IHostOptimizer Create(OptimizerOptions options, VectorPath path) => new Lion(options) { Path = path };

    [Cases(30)]
    public void Update_OneStep_AsInDouble(int seed)
    {
        var example = OptimizerCase.From(seed);
        var random = new Random(seed);
        var (beta1, beta2, decay, rate) = (random.NextDouble(), random.NextDouble(), random.NextDouble(), random.NextDouble() * 0.1);
        var optimizer = Create(new() { Betas = (beta1, beta2), WeightDecay = decay }, VectorPaths.Best);
        using var unit = example.Create(optimizer);
        using var workers = new HostWorkers(1);
        unit.Gradients = example.Gradient(1);
        var means = TestUnit.RandomNumbers(unit.Count, seed + 1);
        means.CopyTo(unit.State.OptimizerState[0].Span<float>(0, unit.Count));
        var (weights, gradients) = (unit.Masters, unit.Gradients);
        optimizer.Update(unit.State, unit.Gradient, new(1, rate, 0.5f), workers);

        var (newWeights, newMeans) = (unit.Masters, unit.StateNumbers(0));
        for (var i = 0; i < unit.Count; i++)
        {
            var g = 0.5 * gradients[i];
            var mixed = (beta1 * means[i]) + ((1 - beta1) * g);
            Close.Assert((beta2 * means[i]) + ((1 - beta2) * g), newMeans[i], Math.Max(Math.Abs(means[i]), Math.Abs(g)), 1e-6);

            // Where the two parts cancel to rounding the sign may fall either way.
            if (mixed != 0 && Math.Abs(mixed) < 1e-6 * Math.Abs(g)) continue;
            Close.Assert((weights[i] * (1 - (rate * decay))) - (rate * Math.Sign(mixed)), newWeights[i], Math.Max(Math.Abs(weights[i]), rate), 1e-6);
        }
    }
}
