using System.Buffers;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// Adafactor (Shazeer and Stern, arXiv 1804.04235, algorithms 4 and 5) in the variant of PyTorch's <c>torch.optim.Adafactor</c>: no
/// momentum; decay of the second moment 1 - t^-0.8; updates clipped to a root mean square of 1; a step of
/// <c>max(1e-3, rms(p)) min(lr, 1 / sqrt(t))</c>, relative to the parameter's own root mean square; and decoupled weight decay.
/// <code>
/// R = R + t^-0.8 (mean over columns of g g - R)        rows of a matrix
/// C = C + t^-0.8 (mean over rows of g g - C)           columns of a matrix
/// V = R C / max(mean(R), eps1)                         of a vector: V = V + t^-0.8 (g g - V)
/// u = g / max(sqrt(V), eps1)
/// p = p (1 - lr wd) - max(1e-3, rms(p)) min(lr, 1 / sqrt(t)) u / max(1, rms(u))
/// </code>
/// State: one fp32 number for each row and each column of a matrix, one for each element of a vector. A parameter with more
/// than two dimensions counts as a matrix whose columns are its last dimension.
/// </summary>
/// <remarks>
/// The root mean squares are of whole parameters, so that it takes four sweeps; the gradient is read in each, the weights in the
/// first and the last.
/// </remarks>
internal sealed class Adafactor(OptimizerOptions options) : HostOptimizer<AdafactorPlan>(options)
{
    /// <summary>eps1, the machine epsilon of fp32 as in PyTorch.</summary>
    public const float Least = 1.1920929e-7f;

    private const double LeastRootMeanSquare = 1e-3;

    /// <inheritdoc/>
    public override string Name => "adafactor";

    /// <inheritdoc/>
    public override IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout)
    {
        var (rows, columns, vectors) = AdafactorPlan.CountState(layout);
        return [new("exp_avg_sq_row", rows * sizeof(float)), new("exp_avg_sq_col", columns * sizeof(float)), new("exp_avg_sq", vectors * sizeof(float))];
    }

    /// <inheritdoc/>
    protected override AdafactorPlan Prepare(UnitLayout layout) => AdafactorPlan.Create(layout, Options);

    /// <inheritdoc/>
    protected override void Update(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers, AdafactorPlan plan)
    {
        // Two partial sums for each part, and for each parameter what the last two sweeps multiply by.
        var sums = ArrayPool<double>.Shared.Rent(2 * plan.Parts.Length);
        var factors = ArrayPool<AdafactorFactors>.Shared.Rent(plan.Slots.Length);
        var share = (float)Math.Pow(step.Number, -0.8);
        Sweep(AdafactorPass.Rows, plan.Parts.Length);
        Sweep(AdafactorPass.Columns, plan.Strips.Length);
        for (var slot = 0; slot < plan.Slots.Length; slot++) factors[slot] = new(RowFactor(unit, plan.Slots[slot]), 0, 0);
        Sweep(AdafactorPass.Norms, plan.Parts.Length);
        for (var slot = 0; slot < plan.Slots.Length; slot++) factors[slot] = Finish(plan, slot, step, sums, factors[slot].Row);
        Sweep(AdafactorPass.Weights, plan.Parts.Length);
        ArrayPool<double>.Shared.Return(sums);
        ArrayPool<AdafactorFactors>.Shared.Return(factors);

        void Sweep(AdafactorPass pass, int parts) =>
            workers.Sweep(parts, 1, new AdafactorSweep(pass, unit, gradient, step.GradientScale, share, plan, sums, factors, Path));
    }

    /// <summary>1 / max(mean(R), eps1); 1 for a vector.</summary>
    private static unsafe float RowFactor(UnitState unit, AdafactorSlot slot)
    {
        if (slot.Rows == 0) return 1;
        var rows = (float*)unit.OptimizerState[0].Address + slot.RowState;
        var sum = 0.0;
        for (long row = 0; row < slot.Rows; row++) sum += rows[row];
        return (float)(1 / Math.Max(sum / slot.Rows, Least));
    }

    private static AdafactorFactors Finish(AdafactorPlan plan, int index, OptimizerStep step, double[] sums, float row)
    {
        var slot = plan.Slots[index];
        var (weights, updates) = (0.0, 0.0);
        for (var part = slot.FirstPart; part < slot.EndPart; part++)
        {
            weights += sums[2 * part];
            updates += sums[(2 * part) + 1];
        }

        var rate = step.LearningRate * slot.LearningRateFactor;
        var alpha = Math.Max(LeastRootMeanSquare, Math.Sqrt(weights / slot.Count)) * Math.Min(rate, 1 / Math.Sqrt(step.Number));
        return new(row, (float)(alpha / Math.Max(1, Math.Sqrt(updates / slot.Count))), (float)(1 - (rate * slot.WeightDecay)));
    }
}
