using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Messages;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;

namespace Horizon.Flow.Blocks;

/// <summary>Copies a unit's gradient into a slab on the device's download stream, behind the computation; not what is known to be zero.</summary>
/// <remarks>
/// <para>Takes: <see cref="DeviceGradient"/>. Gives: <see cref="HostGradient"/> once the copy has landed.</para>
/// <para>Waits when: no slab is free, no place for the sum of squares is free, or the copy is under way. The thread that launches operators never waits for it.</para>
/// <para>Completes when: told to, after the last gradient. On fault: as any stage.</para>
/// <para>Owns: the gradient lease (given back once the copy is launched); a slab until it is given on.</para>
/// </remarks>
public sealed class DownloadBlock : StageBlock<DeviceGradient, HostGradient>
{
    /// <summary>Creates the block.</summary>
    /// <param name="slabs">Where gradients land.</param>
    /// <param name="device">Where they come from.</param>
    /// <param name="type">Of each element.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="squares">
    /// Where the device sums the squares of what goes down; null to leave that to accumulate, as must be where a stage between the two may change the
    /// gradient.
    /// </param>
    /// <param name="whole">Copies zeros too, as must be where a stage before may have changed the gradient; by default slabs are cleared where it is known to be zero.</param>
    public DownloadBlock(SlabPool slabs, IComputeDevice device, ElementType type, StageOptions options, LeasePool<SquareParts>? squares = null, bool whole = false)
        : base(options, async (gradient, call) =>
        {
            var visit = gradient.Visit;
            var slab = await call.WaitFor(slabs.RentAsync(visit.Unit, call.Cancellation)).ConfigureAwait(false);
            using var parts = squares is null ? null : await call.WaitFor(squares.RentAsync(call.Cancellation)).ConfigureAwait(false);
            var slot = gradient.Gradient.Value;
            var count = gradient.Layout.ElementCount;
            var summed = parts is null ? Fence.Completed : device.SumSquares(slot.Buffer, count, parts.Value, slot.Fence);
            var nonzero = whole ? null : gradient.Nonzero;
            var landed = nonzero is null ? device.Download(slot.Buffer, count * type.ByteSize(), slab.Value, slot.Fence)
                : device.Download(slot.Buffer, nonzero, slab.Value, slot.Fence);
            slot.Fence = landed; // the sum comes before it on the same stream
            gradient.Gradient.Dispose();
            if (parts is not null) summed = device.Download(parts.Value.OnDevice, SquareParts.ByteLength, parts.Value.OnHost, summed);
            foreach (var range in nonzero is null ? [] : GradientRange.Between(nonzero, count))
            {
                var (offset, length) = range.Bytes(type);
                HostCopy.Clear(slab.Value.Address + (nint)offset, length);
            }

            await landed.WaitAsync().ConfigureAwait(false);
            await summed.WaitAsync().ConfigureAwait(false);
            return new HostGradient(visit, slab, type, parts?.Value.Sum(), gradient.Layout);
        })
    {
    }
}
