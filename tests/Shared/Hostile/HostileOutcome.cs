using System.Globalization;

namespace Horizon.Flow.Tests.Hostile;

/// <summary>What reading one hostile file came to.</summary>
/// <param name="FileBytes">The file's size.</param>
/// <param name="Thrown">What was thrown; null where the file was read.</param>
/// <param name="Elapsed">How long it took.</param>
/// <param name="AllocatedBytes">What it allocated.</param>
public sealed record HostileOutcome(int FileBytes, Exception? Thrown, TimeSpan Elapsed, long AllocatedBytes)
{
    private const int LongestLine = 2000;

    /// <summary>Whether it allocated more than the file's size justifies.</summary>
    public bool AllocatedTooMuch { get; init; }

    /// <summary>What is wrong with it; null where nothing is: the file was read, or refused in words that fit a terminal.</summary>
    public string? Failure => Thrown switch
    {
        not (null or HorizonException) => Thrown.ToString(),
        HorizonException when Thrown.Message.Split('\n').Any(line => line.Any(char.IsControl)) => $"the message holds control characters: {Thrown.Message}",
        HorizonException when Thrown.Message.Split('\n').Any(line => line.Length > LongestLine) => $"the message has a line longer than {LongestLine}: {Thrown.Message[..200]}",
        _ when AllocatedTooMuch => string.Create(CultureInfo.InvariantCulture, $"a file of {FileBytes:N0} bytes made it allocate {AllocatedBytes:N0}"),
        _ => null,
    };
}
