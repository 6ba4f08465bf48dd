namespace Horizon.Flow;

/// <summary>
/// Something the user can mend: a bad file, a setting, too little memory. The message is one sentence that says what, where and how
/// to mend it; the command line prints it without a stack trace.
/// </summary>
public sealed class HorizonException : Exception
{
    /// <summary>Creates the error.</summary>
    public HorizonException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the error with what caused it.</summary>
    public HorizonException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates an empty error.</summary>
    public HorizonException()
    {
    }
}
