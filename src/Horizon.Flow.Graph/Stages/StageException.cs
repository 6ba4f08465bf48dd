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

    private StageException(string message, Exception cause, string stage)
        : base(message, cause) => Stage = stage;

    /// <summary>The stage's name.</summary>
    public string Stage { get; }

    /// <summary>The unit at hand, if there was one.</summary>
    public string? UnitName { get; }

    /// <summary>The step at hand, if there was one.</summary>
    public long? Step { get; }

    /// <summary>The error of a block that is not ours, of whose message only the text is known.</summary>
    public static StageException InForeignBlock(string stage, string? messageText, Exception cause)
    {
        ArgumentNullException.ThrowIfNull(cause);
        return new StageException($"stage '{stage}' failed{(messageText is null ? "" : $" at {messageText}")}: {cause.Message}", cause, stage);
    }
}
