using Horizon.Flow.Graph;

namespace Horizon.Flow.Messages;

/// <summary>What every message of a training graph has: the step it belongs to.</summary>
public abstract class StepMessage : IUnitMessage
{
    /// <summary>Creates the message.</summary>
    protected StepMessage(StepInfo info)
    {
        ArgumentNullException.ThrowIfNull(info);
        Info = info;
    }

    /// <summary>The step.</summary>
    public StepInfo Info { get; }

    /// <inheritdoc/>
    public long Step => Info.Number;

    /// <inheritdoc/>
    public virtual string UnitName => "all units";

    /// <inheritdoc/>
    public long ReadyTimestamp { get; set; }

    /// <inheritdoc/>
    public override string ToString() => $"{GetType().Name}(step {Step})";
}
