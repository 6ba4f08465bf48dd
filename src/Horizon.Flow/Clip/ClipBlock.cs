using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>
/// A barrier: holds a step's gradients until all have come, sets the step's scale from their common norm, and lets them go in forward
/// order, so that the next step's forward can follow close behind. A norm or a loss that is not finite skips the step: the store is never touched.
/// </summary>
/// <remarks>
/// <para>Takes and gives: <see cref="HostGradient"/> with its sum of squares, one for each trained unit and step.</para>
/// <para>Waits when: gradients of the step are missing, or a loss is not known yet.</para>
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
        : base(options, async (gradient, call) =>
        {
            held.Add(gradient);
            if (held.Count < trainedUnits) return [];
            var step = gradient.Visit.Step;
            await call.WaitForGraph(new ValueTask(step.LossesKnown.WaitAsync(call.Cancellation))).ConfigureAwait(false);
            step.SkipReason ??= WhyNot(step, held);
            if (step.SkipReason is null) step.GradientScale = ClipMath.Scale(step.GradientNorm, maximum);
            HostGradient[] forward = [.. held.OrderBy(one => one.Visit.Unit)];
            held.Clear();
            return forward;
        })
    {
    }

    // The unit that backward met first is where to look: what lies below it inherits its numbers.
    private static string? WhyNot(StepScope step, List<HostGradient> held)
    {
        var norm = step.GradientNorm;
        var gradient = double.IsFinite(norm) ? null : $"the gradient norm is {norm}, first in {step.BadGradient ?? FirstBad(held)}";
        return step.BadLoss is { } loss ? gradient is null ? loss : $"{loss}; {gradient}" : gradient;
    }

    private static string FirstBad(List<HostGradient> held) =>
        held.Find(gradient => gradient.SumOfSquares is not { } sum || !double.IsFinite(sum)) is { } bad ? $"unit '{bad.UnitName}'" : "the sum over the units, which overflowed";
}
