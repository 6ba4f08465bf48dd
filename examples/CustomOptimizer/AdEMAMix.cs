using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Examples;

/// <summary>
/// AdEMAMix (Pagliardini, Ablin and Grangier, arXiv 2409.03137, algorithm 1 without its schedulers): AdamW with a second, slow average
/// of the gradients, of weight <paramref name="alpha"/>. State: three fp32 numbers a parameter, 12 bytes.
/// </summary>
// <snippet>
public sealed class AdEMAMix(double beta1 = 0.9, double beta2 = 0.95, double beta3 = 0.99, double alpha = 2, double decay = 0.1)
    : IHostOptimizer
{
    public string Name => "ademamix";

    public IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout) =>
        [.. new[] { "fast", "slow", "square" }.Select(name => new OptimizerBuffer(name, layout.ElementCount * sizeof(float)))];

    public void Update(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers) =>
        workers.Sweep(gradient.Count, (_, first, count) =>
        {
            Span<float> master = new float[count], g = new float[count];
            unit.ReadMasters(first, master); // fp32, whether the store is fp32 or bf16
            gradient.Read(first, g);
            Span<float> fast = State(0), slow = State(1), square = State(2);
            var (correction1, correction2) = (1 - Math.Pow(beta1, step.Number), 1 - Math.Pow(beta2, step.Number));
            for (var i = 0; i < count; i++)
            {
                var scaled = g[i] * step.GradientScale;
                fast[i] = (float)((beta1 * fast[i]) + ((1 - beta1) * scaled));
                slow[i] = (float)((beta3 * slow[i]) + ((1 - beta3) * scaled));
                square[i] = (float)((beta2 * square[i]) + ((1 - beta2) * scaled * scaled));
                var direction = ((fast[i] / correction1) + (alpha * slow[i])) / (Math.Sqrt(square[i] / correction2) + 1e-8);
                master[i] = (float)(master[i] - (step.LearningRate * (direction + (decay * master[i]))));
            }

            unit.WriteMasters(first, master);
            Span<float> State(int buffer) => unit.OptimizerState[buffer].Span<float>(first, count);
        });
}
// </snippet>
