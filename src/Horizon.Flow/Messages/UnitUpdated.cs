namespace Horizon.Flow.Messages;

/// <summary>A unit's update of a step is done, or was left out.</summary>
public sealed class UnitUpdated : UnitMessage
{
    /// <summary>Creates the message.</summary>
    /// <param name="visit">The visit that gave the last of its gradients.</param>
    /// <param name="sumOfSquares">Of its gradient, before clipping; null where nobody took it.</param>
    /// <param name="verdict">What was decided on the step.</param>
    public UnitUpdated(UnitVisit visit, double? sumOfSquares, StepVerdict verdict)
        : base(visit)
    {
        ArgumentNullException.ThrowIfNull(verdict);
        (SumOfSquares, Verdict) = (sumOfSquares, verdict);
    }

    /// <summary>Of its gradient, before clipping; null where nobody took it.</summary>
    public double? SumOfSquares { get; }

    /// <summary>What was decided on the step.</summary>
    public StepVerdict Verdict { get; }
}
