using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Blocks;

/// <summary>A matrix on its way to the device and back, allocated once for the largest.</summary>
public sealed class MuonWorkspace : IDisposable
{
    private readonly IComputeDevice _device;
    private Fence _last = Fence.Completed;

    /// <summary>Allocates both ends.</summary>
    /// <param name="device">Where matrices are made orthogonal.</param>
    /// <param name="elements">Elements of the largest matrix.</param>
    /// <param name="type">The type of the weights.</param>
    public MuonWorkspace(IComputeDevice device, long elements, ElementType type)
    {
        ArgumentNullException.ThrowIfNull(device);
        _device = device;
        OnHost = new HostBuffer(elements * type.ByteSize());
        OnDevice = device.Allocate(Math.Max(1, elements), type);
        device.PageLock(OnHost);
    }

    /// <summary>[elements]: the direction goes in here, and comes back orthogonal.</summary>
    public HostBuffer OnHost { get; }

    /// <summary>[elements] on the device.</summary>
    public DeviceBuffer OnDevice { get; }

    /// <summary>Makes the matrix in <see cref="OnHost"/> orthogonal, on the compute lane; the lane itself never waits.</summary>
    public async ValueTask OrthogonalizeAsync(ParameterSlot slot, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(slot);
        var bytes = slot.Count * OnDevice.ElementType.ByteSize();
        var there = _device.Upload(OnHost, bytes, OnDevice, _last);
        var computed = await _device.Lane.RunAsync(
            () =>
            {
                _device.ComputeWaits(there);
                Muon.OrthogonalizeInPlace(OnDevice, slot);
                return _device.RecordCompute();
            },
            cancellation).ConfigureAwait(false);
        _last = _device.Download(OnDevice, bytes, OnHost, computed);
        await _last.WaitAsync(CancellationToken.None).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _last.WaitForEnd();
        _device.Unlock(OnHost);
        OnHost.Dispose();
        OnDevice.Dispose();
    }
}
