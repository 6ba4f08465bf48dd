namespace Horizon.Flow.Testing;

/// <summary>What a user's stage may do to a run.</summary>
public enum Misbehaviour
{
    /// <summary>Lets other work go first before each message: no fault.</summary>
    Delay,

    /// <summary>Throws at one message.</summary>
    Throw,

    /// <summary>Throws an <see cref="OperationCanceledException"/> that is not the run's at one message.</summary>
    ThrowCancelled,

    /// <summary>Gives nothing for one message.</summary>
    Drop,

    /// <summary>Gives one message twice.</summary>
    Duplicate,

    /// <summary>Keeps one message back until the next one comes.</summary>
    Hold,

    /// <summary>Cancels the run at one message.</summary>
    Cancel,
}
