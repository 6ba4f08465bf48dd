using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed class AdamWTests : OptimizerContractTests
{
    internal override IHostOptimizer Create(OptimizerOptions options, VectorPath path) => new AdamW(options) { Path = path };

    [Cases(50)]
    public void Update_OneStep_AsInDouble(int seed)
    {
        var example = OptimizerCase.From(seed);
        var random = new Random(seed);
        var (beta1, beta2, eps, decay) = (random.NextDouble() * 0.99, random.NextDouble() * 0.999, 1e-8, random.NextDouble());
        var (number, rate, scale) = (random.Next(1, 100), random.NextDouble() * 0.1, (float)random.NextDouble());
        var optimizer = Create(new() { Betas = (beta1, beta2), Epsilon = eps, WeightDecay = decay }, VectorPaths.Best);
        using var unit = example.Create(optimizer);
        unit.Gradients = example.Gradient(1);
        var means = TestUnit.RandomNumbers(unit.Count, seed + 1);
        var squares = TestUnit.RandomNumbers(unit.Count, seed + 2).Select(Math.Abs).ToArray();
        means.CopyTo(unit.State.OptimizerState[0].Span<float>(0, unit.Count));
        squares.CopyTo(unit.State.OptimizerState[1].Span<float>(0, unit.Count));
        var (weights, gradients) = (unit.Masters, unit.Gradients);

        using var workers = new HostWorkers(1);
        optimizer.Update(unit.State, unit.Gradient, new(number, rate, scale), workers);

        var (newWeights, newMeans, newSquares) = (unit.Masters, unit.StateNumbers(0), unit.StateNumbers(1));
        for (var i = 0; i < unit.Count; i++)
        {
            var g = gradients[i] * (double)scale;
            var m = (beta1 * means[i]) + ((1 - beta1) * g);
            var v = (beta2 * squares[i]) + ((1 - beta2) * g * g);
            var change = rate * m / (1 - Math.Pow(beta1, number)) / (Math.Sqrt(v / (1 - Math.Pow(beta2, number))) + eps);
            var w = (weights[i] * (1 - (rate * decay))) - change;
            Close.Assert(m, newMeans[i], Math.Max(Math.Abs(g), Math.Abs(means[i])), 1e-6);
            Close.Assert(v, newSquares[i], v, 1e-6);

            // A mean that nearly cancels carries its own rounding into the change.
            var amplified = m == 0 ? 0 : Math.Abs(change / m) * Math.Max(Math.Abs(g), Math.Abs(means[i]));
            Close.Assert(w, newWeights[i], Math.Max(Math.Abs(weights[i]), amplified), 1e-6);
        }
    }

}
