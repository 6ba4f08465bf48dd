using System.Diagnostics;
using static Horizon.Flow.Devices.CudaDriver;

namespace Horizon.Flow.Devices;

/// <summary>Times of events, beside the host's clock: one event whose time the host knows, and the driver's differences to it.</summary>
internal sealed class CudaClock : IDisposable
{
    private readonly CudaContext _context;
    private readonly nint _origin;
    private readonly long _originTicks;

    public CudaClock(CudaContext context)
    {
        _context = context;
        using var entered = context.Enter();
        Check(cuEventCreate(out _origin, 0), "cuEventCreate");
        Check(cuEventRecord(_origin, LegacyDefaultStream), "cuEventRecord");
        Check(cuEventSynchronize(_origin), "cuEventSynchronize");
        _originTicks = Stopwatch.GetTimestamp();
    }

    /// <summary>When a completed event was reached, as <see cref="Stopwatch.GetTimestamp"/> counts.</summary>
    public long TicksOf(nint @event)
    {
        Check(cuEventElapsedTime(out var milliseconds, _origin, @event), "cuEventElapsedTime");
        return _originTicks + (long)(milliseconds * (Stopwatch.Frequency / 1000.0));
    }

    public void Dispose()
    {
        using var entered = _context.Enter();
        _ = cuEventDestroy_v2(_origin);
    }
}
