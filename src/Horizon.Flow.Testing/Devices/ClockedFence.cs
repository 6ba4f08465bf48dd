using Horizon.Flow.Devices;

namespace Horizon.Flow.Testing;

/// <summary>A point of a stream's logical time. Complete as soon as somebody waits for it, and not before: the latest that a device may be.</summary>
internal sealed class ClockedFence(ClockedDevice device, Clock clock, WatchedMemory? onDevice = null, WatchedMemory? onHost = null) : Fence
{
    private volatile bool _waited;

    public ClockedDevice Device => device;

    public Clock Clock => clock;

    public WatchedMemory? OnDevice => onDevice;

    public WatchedMemory? OnHost => onHost;

    public override bool IsComplete => _waited;

    public override ValueTask WaitAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        device.HostWaits(this);
        _waited = true;
        return ValueTask.CompletedTask;
    }
}
