using Horizon.Flow.Graph;
using Horizon.Flow.Host;

namespace Horizon.Flow;

/// <summary>Copies a unit's gradient into a slab on the device's download stream, behind the computation.</summary>
/// <remarks>
/// <para>Takes: <see cref="DeviceGradient"/>. Gives: <see cref="HostGradient"/> once the copy has landed.</para>
/// <para>Waits when: no slab is free, or the copy is under way. The thread that launches operators never waits for it.</para>
/// <para>Completes when: told to, after the last gradient. On fault: as any stage.</para>
/// <para>Owns: the gradient lease (given back once the copy is launched); a slab until it is given on.</para>
/// </remarks>
public sealed class DownloadBlock : StageBlock<DeviceGradient, HostGradient>
{
    /// <summary>Creates the block.</summary>
    public DownloadBlock(SlabPool slabs, IComputeDevice device, ElementType type, StageOptions options)
        : base(options, async (gradient, call) =>
        {
            var visit = gradient.Visit;
            var slab = await call.WaitFor(slabs.RentAsync(visit.Unit, call.Cancellation)).ConfigureAwait(false);
            var slot = gradient.Gradient.Value;
            var landed = device.Download(slot.Buffer, gradient.Layout.ElementCount * type.ByteSize(), slab.Value, slot.Fence);
            slot.Fence = landed;
            gradient.Gradient.Dispose();
            await landed.WaitAsync().ConfigureAwait(false);
            return new HostGradient(visit, slab, type, layout: gradient.Layout);
        })
    {
    }
}
