namespace Horizon.Flow.Testing;

/// <summary>Two accesses to one buffer that no fence orders: on a device with streams they may overlap, and the numbers are wrong on some days.</summary>
public sealed class UnorderedAccessException : Exception
{
    internal UnorderedAccessException(string buffer, string first, string second, string mend)
        : base($"{buffer}: {first} and {second}, and no fence orders the two; {mend}") => (Buffer, First, Second) = (buffer, first, second);

    /// <summary>The buffer, in words.</summary>
    public string Buffer { get; }

    /// <summary>The earlier access, in words.</summary>
    public string First { get; }

    /// <summary>The later access, in words.</summary>
    public string Second { get; }
}
