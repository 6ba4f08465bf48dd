using System.Globalization;
using Horizon.Flow.Tests.Hostile;

namespace Horizon.Flow.Soak;

/// <summary>What came of one reader's files.</summary>
internal sealed class FuzzTally(string reader)
{
    private int _read;
    private int _refused;
    private TimeSpan _slowest;
    private TimeSpan _elapsed;
    private long _mostBytes;

    public int Files { get; private set; }

    public int Failed { get; private set; }

    public void Add(HostileOutcome outcome)
    {
        Files++;
        if (outcome.Failure is not null) Failed++;
        else if (outcome.Thrown is null) _read++;
        else _refused++;
        _slowest = outcome.Elapsed > _slowest ? outcome.Elapsed : _slowest;
        _elapsed += outcome.Elapsed;
        _mostBytes = Math.Max(_mostBytes, outcome.AllocatedBytes);
    }

    /// <summary>A line of the table.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"| {reader} | {Files:N0} | {_read:N0} | {_refused:N0} | {Failed:N0} | {_slowest.TotalMilliseconds:N0} | {_mostBytes / 1048576.0:N1} | {_elapsed.TotalSeconds:N1} |");
}
