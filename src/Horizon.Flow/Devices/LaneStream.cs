namespace Horizon.Flow.Devices;

/// <summary>The stream of a device that has none: its work runs on the lane, among the operators.</summary>
internal sealed class LaneStream(IComputeDevice device) : IDeviceStream
{
    public Fence Enqueue(IReadOnlyList<Fence> after, Action<nint> work)
    {
        foreach (var fence in after) device.ComputeWaits(fence);
        work(0);
        return device.RecordCompute();
    }

    public void Dispose()
    {
    }
}
