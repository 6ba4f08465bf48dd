using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;
using Horizon.Flow.Resources;

namespace Horizon.Flow.Blocks;

/// <summary>Copies a unit into a device buffer on the device's upload stream, ahead of the computation.</summary>
/// <remarks>
/// <para>Takes: <see cref="HostUnit"/>, in the order of the program's loads. Gives: <see cref="DeviceUnit"/>, whose fence says when the copy is done.</para>
/// <para>Waits when: no device weight buffer is free.</para>
/// <para>Completes when: told to, after the last unit.</para>
/// <para>On fault: as any stage.</para>
/// <para>Owns: a lease of <see cref="Pools.Weights"/> until it is given on; gives back the host unit's release after the copy.</para>
/// </remarks>
public sealed class UploadBlock : StageBlock<HostUnit, DeviceUnit>
{
    /// <summary>Creates the block.</summary>
    public UploadBlock(LeasePool<DeviceSlot> weights, IComputeDevice device, StageOptions options)
        : base(options, async (unit, call) =>
        {
            var lease = await call.WaitFor(weights.RentAsync(call.Cancellation)).ConfigureAwait(false);
            var slot = lease.Value;
            slot.Fence = device.Upload(unit.Weights, unit.ByteLength, slot.Buffer, slot.Fence);
            if (unit.Release is { } release) _ = ReleaseAfterAsync(slot.Fence, release);
            return new DeviceUnit(unit.Visit, lease);
        })
    {
    }

    private static async Task ReleaseAfterAsync(Fence copied, IDisposable release)
    {
        await copied.WaitAsync().ConfigureAwait(false);
        release.Dispose();
    }
}
