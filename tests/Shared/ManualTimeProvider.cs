namespace Horizon.Flow.Tests.Shared;

/// <summary>A clock that stands until it is moved.</summary>
public sealed class ManualTimeProvider : TimeProvider
{
    private TimeSpan _now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _now.Ticks;

    public void Advance(TimeSpan by) => _now += by;
}
