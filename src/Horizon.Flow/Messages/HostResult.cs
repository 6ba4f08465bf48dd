namespace Horizon.Flow.Messages;

/// <summary>Numbers that a visit gave to the host.</summary>
public sealed class HostResult : UnitMessage
{
    /// <summary>Creates the message.</summary>
    /// <param name="visit">The visit.</param>
    /// <param name="numbers">Row-major.</param>
    /// <param name="shape">Their shape.</param>
    public HostResult(UnitVisit visit, float[] numbers, IReadOnlyList<long> shape)
        : base(visit) => (Numbers, Shape) = (numbers, shape);

    /// <summary>Row-major.</summary>
    public float[] Numbers { get; }

    /// <summary>Their shape.</summary>
    public IReadOnlyList<long> Shape { get; }
}
