namespace Horizon.Flow.Graph;

/// <summary>The first thing that went wrong in a run: in which stage, at which unit, in which step. The cause is the inner exception, unchanged.</summary>
public sealed class StageException : Exception
{
    /// <summary>Creates the error.</summary>
    public StageException(string stage, IUnitMessage? message, Exception cause)
        : base($"stage '{stage}' failed{(message is null ? "" : $" at unit '{message.UnitName}' in step {message.Step}")}: {cause?.Message}", cause)
    {
        Stage = stage;
        UnitName = message?.UnitName;
        Step = message?.Step;
    }

    /// <summary>Creates the error of a block that is not ours, of whose message only the text is known.</summary>
    public StageException(string stage, string? message, Exception cause)
        : base($"stage '{stage}' failed{(message is null ? "" : $" at {message}")}: {cause?.Message}", cause) => Stage = stage;

    /// <summary>The stage's name.</summary>
    public string Stage { get; }

    /// <summary>The unit at hand, if there was one.</summary>
    public string? UnitName { get; }

    /// <summary>The step at hand, if there was one.</summary>
    public long? Step { get; }
}
