using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>
/// A barrier: holds a step's gradients until all have come, sets the step's scale from their common norm, and lets them go in forward
/// order, so that the next step's forward can follow close behind. A norm that is not finite skips the step: the store is never touched.
/// </summary>
/// <remarks>
/// <para>Takes and gives: <see cref="HostGradient"/> with its sum of squares, one for each trained unit and step.</para>
/// <para>Waits when: gradients of the step are missing.</para>
/// <para>Completes when: told to, after the last step. On fault: as any stage.</para>
/// <para>Owns: the gradients of the step until it is complete: there must be a slab for each unit.</para>
/// </remarks>
public sealed class ClipBlock : StageBlock<HostGradient, HostGradient>
{
    /// <summary>Creates the block.</summary>
    /// <param name="maximum">The largest norm.</param>
    /// <param name="trainedUnits">How many gradients make a step.</param>
    /// <param name="options">Bounds.</param>
    public ClipBlock(double maximum, int trainedUnits, StageOptions options)
        : this(maximum, trainedUnits, options, [])
    {
    }

    private ClipBlock(double maximum, int trainedUnits, StageOptions options, List<HostGradient> held)
        : base(options, (gradient, _) =>
        {
            held.Add(gradient);
            if (held.Count < trainedUnits) return ValueTask.FromResult<IReadOnlyList<HostGradient>>([]);
            var step = gradient.Visit.Step;
            var norm = step.GradientNorm;
            if (double.IsFinite(norm)) step.GradientScale = ClipMath.Scale(norm, maximum);
            else step.SkipReason = $"the gradient norm is {norm}; the first unit with such a gradient in backward order is '{FirstBad(held)}'";
            HostGradient[] forward = [.. held.OrderBy(one => one.Visit.Unit)];
            held.Clear();
            return ValueTask.FromResult<IReadOnlyList<HostGradient>>(forward);
        })
    {
    }

    private static string FirstBad(List<HostGradient> held) =>
        held.Find(gradient => gradient.SumOfSquares is not { } sum || !double.IsFinite(sum))?.UnitName ?? "none: the sum overflowed";
}
