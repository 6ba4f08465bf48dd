using Horizon.Flow.Host;
using static TorchSharp.torch;

namespace Horizon.Flow;

/// <summary>temporary</summary>
public interface IComputeDevice : IDisposable
{
    /// <summary>t</summary>
    Device TorchDevice { get; }
    /// <summary>t</summary>
    string Name { get; }
    /// <summary>t</summary>
    long? MemoryBytes { get; }
    /// <summary>Most bytes in use at once so far.</summary>
    long PeakBytes { get; }
    /// <summary>t</summary>
    ComputeLane Lane { get; }
    /// <summary>t</summary>
    DeviceBuffer Allocate(long elements, ElementType type);
    /// <summary>t</summary>
    void PageLock(HostBuffer buffer);
    /// <summary>t</summary>
    void Unlock(HostBuffer buffer);
    /// <summary>t</summary>
    Fence Upload(HostBuffer source, long bytes, DeviceBuffer target, Fence after);
    /// <summary>t</summary>
    Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after);
    /// <summary>t</summary>
    Fence RecordCompute();
    /// <summary>t</summary>
    void ComputeWaits(Fence fence);
    /// <summary>Waits until everything launched is done.</summary>
    ValueTask DrainAsync();
}
