using System.Buffers;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Blocks;

/// <summary>The two host sweeps of a Muon step over one matrix: before its direction is made orthogonal, and after.</summary>
internal sealed class MuonMatrix(UnitState unit, ParameterSlot slot, long momentumOffset, OptimizerOptions options, OptimizerStep step)
{
    private const double RootMeanSquareOfAdamW = 0.2;

    /// <summary>M = momentum M + g; the direction is g + momentum M (Nesterov).</summary>
    public void FindDirection(HostGradientView gradient, HostGradientView direction, HostWorkers workers) =>
        workers.Sweep(slot.Count, (_, first, count) =>
        {
            var rented = ArrayPool<float>.Shared.Rent(count);
            var values = rented.AsSpan(0, count);
            gradient.Read(slot.Offset + first, values);
            var momentum = unit.OptimizerState[0].Span<float>(momentumOffset + first, count);
            var keep = (float)options.Momentum;
            for (var i = 0; i < count; i++)
            {
                var scaled = values[i] * step.GradientScale;
                momentum[i] = (keep * momentum[i]) + scaled;
                values[i] = scaled + (keep * momentum[i]);
            }

            direction.Write(first, values);
            ArrayPool<float>.Shared.Return(rented);
        });

    /// <summary>W = W (1 - lr wd) - lr 0.2 sqrt(max(r, c)) O.</summary>
    public void Apply(HostGradientView orthogonal, HostWorkers workers)
    {
        var (learningRateFactor, weightDecay) = options.SettingsOf(slot);
        var learningRate = step.LearningRate * learningRateFactor;
        var keep = (float)(1 - (learningRate * weightDecay));
        var size = (float)(learningRate * RootMeanSquareOfAdamW * Math.Sqrt(slot.Shape.Max()));
        workers.Sweep(slot.Count, (_, first, count) =>
        {
            var rented = ArrayPool<float>.Shared.Rent(2 * count);
            var masters = rented.AsSpan(0, count);
            var update = rented.AsSpan(count, count);
            unit.ReadMasters(slot.Offset + first, masters);
            orthogonal.Read(first, update);
            for (var i = 0; i < count; i++) masters[i] = (masters[i] * keep) - (size * update[i]);
            unit.WriteMasters(slot.Offset + first, masters);
            ArrayPool<float>.Shared.Return(rented);
        });
    }
}
