using System.Collections.Concurrent;
using Horizon.Flow;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Examples;

/// <summary>
/// Gradients of low rank (GaLore, Zhao et al., arXiv 2403.03507): each chosen matrix's gradient G is projected on the device, before it comes
/// down, on its own leading singular vectors: P^T G where it is wide, G P where it is tall. The optimizer's moments have that size too; what
/// it makes of them is projected back and added to the weights, all of which are trained. P is renewed every so many updates of its unit, and
/// lies between steps with the optimizer's state: in the store, and in checkpoints.
/// </summary>
/// <param name="optimizer">The rule for the small gradients, without weight decay: it never sees the weights of a projected matrix.</param>
/// <param name="rank">Columns of P.</param>
/// <param name="isProjected">Which matrices; others go down as they are.</param>
/// <param name="every">Updates between two projections.</param>
/// <param name="scale">What the update of a projected matrix is multiplied by.</param>
public sealed class LowRankGradients(IHostOptimizer optimizer, int rank, Func<ParameterSlot, bool> isProjected, int every = 200, double scale = 0.25) : IHostOptimizer
{
    private readonly ConcurrentDictionary<UnitLayout, LowRankLayout> _layouts = [];

    /// <inheritdoc/>
    public string Name => $"{optimizer.Name} of low rank";

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> StateSettings => optimizer.StateSettings;

    /// <summary>Updates between two projections.</summary>
    public int Every => every;

    // <snippet>
    /// <summary>The plan whose gradients come down small.</summary>
    public TrainingPlan Plan(ModelDefinition model, TrainingOptions options) => TrainingPlan
        .For(model, options with { Optimizer = this, GradientLayout = unit => LayoutOf(unit).Gradient })
        .OutOfJoin(Stages.Download).Insert("project", (run, stage) => ProjectStage.Create(this, run, stage), ProjectStage.Traits(this));
    // </snippet>

    /// <summary>How a unit's projections and its small gradient lie in memory.</summary>
    public LowRankLayout LayoutOf(UnitLayout unit) => _layouts.GetOrAdd(unit, whole => new LowRankLayout(whole, rank, isProjected));

    /// <inheritdoc/>
    public IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout)
    {
        var small = LayoutOf(layout);
        return [new("projections", Math.Max(1, small.Projections.ElementCount) * sizeof(float)), .. optimizer.DescribeState(small.Gradient)];
    }

    /// <inheritdoc/>
    public void Update(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers)
    {
        ArgumentNullException.ThrowIfNull(unit);
        var layout = LayoutOf(unit.Layout);
        // The rule updates zeros, so that what is there afterwards is its change.
        using var zeros = new HostBuffer(layout.Gradient.ElementCount * sizeof(float));
        var change = new UnitState(layout.Gradient, zeros, null, [.. unit.OptimizerState.Skip(1)]);
        optimizer.Update(change, gradient, step, workers);
        foreach (var (slot, small) in unit.Layout.Parameters.Zip(layout.Gradient.Parameters))
        {
            var (weights, delta) = (new float[slot.Count], zeros.Span<float>(small.Offset, (int)small.Count).ToArray());
            unit.ReadMasters(slot.Offset, weights);
            if (layout.ProjectionOf(slot) is { } projection) AddBack(weights, unit.OptimizerState[0].Span<float>(projection.Offset, (int)projection.Count), delta, slot.Shape);
            else for (var i = 0; i < weights.Length; i++) weights[i] += delta[i];
            unit.WriteMasters(slot.Offset, weights);
        }
    }

    /// <summary>The leading singular vectors of a gradient, [the shorter side, rank].</summary>
    public Tensor Projection(Tensor gradient)
    {
        ArgumentNullException.ThrowIfNull(gradient);
        // What is not finite is left to clip, which skips the step: here it would end the run.
        var (left, _, right) = linalg.svd(gradient.to(float32).nan_to_num(), fullMatrices: false);
        return LowRankLayout.IsWide(gradient.shape) ? left.narrow(1, 0, rank) : right.narrow(0, 0, rank).t();
    }

    /// <summary>The small gradient.</summary>
    public static Tensor Project(Tensor gradient, Tensor projection)
    {
        ArgumentNullException.ThrowIfNull(gradient);
        ArgumentNullException.ThrowIfNull(projection);
        return LowRankLayout.IsWide(gradient.shape) ? projection.t().mm(gradient.to(float32)) : gradient.to(float32).mm(projection);
    }

    // weights += scale P delta where the matrix is wide, scale delta P^T where it is tall.
    private void AddBack(float[] weights, ReadOnlySpan<float> projection, float[] delta, IReadOnlyList<long> shape)
    {
        var (rows, columns) = ((int)shape[0], (int)shape[1]);
        var wide = LowRankLayout.IsWide(shape);
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                var sum = 0.0;
                for (var k = 0; k < rank; k++)
                    sum += wide ? (double)projection[(row * rank) + k] * delta[(k * columns) + column] : (double)delta[(row * rank) + k] * projection[(column * rank) + k];
                weights[(row * columns) + column] += (float)(scale * sum);
            }
        }
    }
}
