using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>What every message of a training graph has: the visit it is about.</summary>
public abstract class UnitMessage : IUnitMessage
{
    /// <summary>Creates the message.</summary>
    protected UnitMessage(UnitVisit visit)
    {
        ArgumentNullException.ThrowIfNull(visit);
        Visit = visit;
    }

    /// <summary>The visit.</summary>
    public UnitVisit Visit { get; }

    /// <inheritdoc/>
    public long Step => Visit.Step.Number;

    /// <inheritdoc/>
    public string UnitName => Visit.Layout.Name;

    /// <inheritdoc/>
    public long ReadyTimestamp { get; set; }

    /// <inheritdoc/>
    public override string ToString() => $"{GetType().Name}({Visit})";
}
