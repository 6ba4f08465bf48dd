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

    private StageException(StageException first, IReadOnlyList<string> unended, TimeSpan waited)
        : base($"{first.Message}; {Describe(unended, waited)}", first.InnerException)
    {
        (Stage, UnitName, Step) = (first.Stage, first.UnitName, first.Step);
        UnendedStages = unended;
    }

    /// <summary>The stage's name.</summary>
    public string Stage { get; }

    /// <summary>The unit at hand, if there was one.</summary>
    public string? UnitName { get; }

    /// <summary>The step at hand, if there was one.</summary>
    public long? Step { get; }

    /// <summary>Stages that had not ended when the run was given up, some time after it was stopped; empty where all had.</summary>
    public IReadOnlyList<string> UnendedStages { get; } = [];

    /// <summary>The first error of a run that was given up; where there was none, the stages that would not end are the error.</summary>
    internal static StageException GivenUp(StageException? first, IReadOnlyList<string> unended, TimeSpan waited) =>
        new(first ?? new StageException("the run was stopped", new TimeoutException(Describe(unended, waited)), unended[0]), unended, waited);

    private static string Describe(IReadOnlyList<string> unended, TimeSpan waited) => string.Create(
        System.Globalization.CultureInfo.InvariantCulture,
        $"{(unended.Count == 1 ? "stage" : "stages")} {string.Join(", ", unended.Select(name => $"'{name}'"))} did not end within {waited.TotalSeconds:0.###} s of the stop");

    /// <summary>The error of a block that is not ours, of whose message only the text is known.</summary>
    public static StageException InForeignBlock(string stage, string? messageText, Exception cause)
    {
        ArgumentNullException.ThrowIfNull(cause);
        return new StageException($"stage '{stage}' failed{(messageText is null ? "" : $" at {messageText}")}: {cause.Message}", cause, stage);
    }
}
