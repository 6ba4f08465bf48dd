using System.Buffers;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Messages;

namespace Horizon.Flow;

/// <summary>Changes gradients on their way through host memory.</summary>
public static class GradientVerbs
{
    /// <summary>Changes every gradient that leaves a stage, in place, and renews its sum of squares: clipping and the guard against bad numbers see what goes on.</summary>
    /// <param name="point">Download, accumulate, or a stage of the user's own behind one of them.</param>
    /// <param name="name">Its name, unique in the plan.</param>
    /// <param name="change">
    /// Gets the gradient, the first element of a piece, and the piece's values in fp32, to be changed; pieces come from several threads, each element
    /// once.
    /// </param>
    public static TrainingPlan ChangeGradient<TIn>(this TrainingPoint<TIn, HostGradient> point, string name, GradientChange change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return point.InsertAfter(name, (run, gradient) =>
        {
            run.Workers.Sweep(gradient.View.Count, (_, first, count) =>
            {
                var rented = ArrayPool<float>.Shared.Rent(count);
                var values = rented.AsSpan(0, count);
                gradient.View.Read(first, values);
                change(gradient, first, values);
                gradient.View.Write(first, values);
                ArrayPool<float>.Shared.Return(rented);
            });
            return gradient.WithSumOfSquares(GradientSweeps.SumOfSquares(gradient.View, run.Workers).Value, gradient.BadMicroBatch);
        });
    }
}
