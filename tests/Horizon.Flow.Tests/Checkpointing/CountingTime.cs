namespace Horizon.Flow.Tests.Checkpointing;

/// <summary>A clock that ticks once each time it is read, and says so.</summary>
public sealed class CountingTime : TimeProvider
{
    private long _count;

    public override long TimestampFrequency => 1000;

    public event Action<long>? Read;

    public override long GetTimestamp()
    {
        var count = Interlocked.Increment(ref _count);
        Read?.Invoke(count);
        return count;
    }
}
