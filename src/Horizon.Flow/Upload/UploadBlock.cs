using Horizon.Flow.Graph;
using Horizon.Flow.Host;

namespace Horizon.Flow;

/// <summary>Copies a unit into a device buffer on the device's upload stream, ahead of the computation.</summary>
/// <remarks>
/// <para>Takes: <see cref="HostUnit"/>. Gives: <see cref="DeviceUnit"/>, whose fence says when the copy is done.</para>
/// <para>Waits when: no device weight buffer is free.</para>
/// <para>Completes when: told to, after the last unit.</para>
/// <para>On fault: as any stage.</para>
/// <para>Owns: a lease of <see cref="TrainingContext.Weights"/> until it is given on; gives back the host unit's release after the copy.</para>
/// </remarks>
public sealed class UploadBlock : StageBlock<HostUnit, DeviceUnit>
{
    /// <summary>Creates the block.</summary>
    public UploadBlock(LeasePool<DeviceSlot> weights, IComputeDevice device, ElementType type, StageOptions options)
        : base(options, async (unit, call) =>
        {
            if (unit.Weights is not { } source) return new DeviceUnit(unit.Visit, null);
            var lease = await call.WaitFor(weights.RentAsync(call.Cancellation)).ConfigureAwait(false);
            var slot = lease.Value;
            slot.Fence = device.Upload(source, unit.Visit.Layout.ElementCount * type.ByteSize(), slot.Buffer, slot.Fence);
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
