namespace Horizon.Flow.Devices;

/// <summary>A CUDA stream for work that is not libtorch's.</summary>
internal sealed class CudaSideStream(CudaStream stream) : IDeviceStream
{
    public Fence Enqueue(IReadOnlyList<Fence> after, Action<nint> work) => stream.Enqueue(after, work);

    public void Dispose() => stream.Dispose();
}
