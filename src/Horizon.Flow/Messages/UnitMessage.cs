namespace Horizon.Flow.Messages;

/// <summary>A message about one visit of one unit.</summary>
public abstract class UnitMessage : StepMessage
{
    /// <summary>Creates the message.</summary>
    protected UnitMessage(UnitVisit visit)
        : base((visit ?? throw new ArgumentNullException(nameof(visit))).Step) => Visit = visit;

    /// <summary>The visit.</summary>
    public UnitVisit Visit { get; }

    /// <inheritdoc/>
    public override string UnitName => Visit.Layout.Name;

    /// <inheritdoc/>
    public override string ToString() => $"{GetType().Name}({Visit})";
}
