using System.Globalization;

namespace Horizon.Flow.Testing;

/// <summary>What was tested is not as it must be. A plain exception: every test framework takes it for a failure.</summary>
public sealed class TestingException : Exception
{
    /// <summary>Says what is wrong.</summary>
    public TestingException(string message)
        : base(message)
    {
    }

    /// <summary>Says what is wrong, and what it came from.</summary>
    public TestingException(string message, Exception? cause)
        : base(message, cause)
    {
    }

    internal static void Require(bool holds, FormattableString message)
    {
        if (!holds) throw new TestingException(message.ToString(CultureInfo.InvariantCulture));
    }
}
