using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Devices;

/// <summary>
/// Where operators run, and the copy engine that brings units there and gradients back. Everything takes its device as a parameter:
/// several devices in one process do not touch each other.
/// </summary>
/// <remarks>
/// Order between the host, the copies and the computation is kept by <see cref="Fence"/>s alone. A buffer that is refilled passes
/// its last reader's fence as <c>after</c>; a reader waits for the fill's fence with <see cref="ComputeWaits"/>.
/// </remarks>
public interface IComputeDevice : IDisposable
{
    /// <summary>The device as TorchSharp names it.</summary>
    Device TorchDevice { get; }

    /// <summary>A name for people, such as <c>cuda:0 (NVIDIA H100 80GB HBM3)</c>.</summary>
    string Name { get; }

    /// <summary>All of the device's own memory in bytes; null where it computes in host memory.</summary>
    long? MemoryBytes { get; }

    /// <summary>What of it no process uses now, in bytes; null where it computes in host memory.</summary>
    long? FreeMemoryBytes => null;

    /// <summary>The one thread that launches operators.</summary>
    ComputeLane Lane { get; }

    /// <summary>How the device computes what lies between a unit's matrix products.</summary>
    IUnitOperators Operators => new EagerOperators();

    /// <summary>Allocates a flat buffer, zeroed, for the whole life of a run: copies may touch it at any time until it is disposed.</summary>
    /// <param name="elements">At least 1.</param>
    /// <param name="type">The type of each element.</param>
    /// <exception cref="DeviceException">The device has no such memory left.</exception>
    DeviceBuffer Allocate(long elements, ElementType type);

    /// <summary>
    /// Makes copies to and from the buffer fast and asynchronous, by page-locking exactly its bytes. Nothing on the CPU; where the
    /// system refuses, a warning, and copies work all the same from ordinary memory.
    /// </summary>
    void PageLock(HostBuffer buffer);

    /// <summary>Ends what <see cref="PageLock"/> did, after the copies under way. Nothing where it was not locked.</summary>
    void Unlock(HostBuffer buffer);

    /// <summary>Copies the first <paramref name="bytes"/> of a host buffer to the device, on the upload stream. Does not wait for it.</summary>
    /// <param name="source">Must stay alive and unchanged until the returned fence completes.</param>
    /// <param name="bytes">At most the size of either buffer.</param>
    /// <param name="target">The device buffer.</param>
    /// <param name="after">The copy starts when this is complete: the last use of <paramref name="target"/>.</param>
    /// <returns>Complete when the bytes are there.</returns>
    /// <exception cref="DeviceException">The driver refuses the copy.</exception>
    Fence Upload(HostBuffer source, long bytes, DeviceBuffer target, Fence after);

    /// <summary>Copies the first <paramref name="bytes"/> of a device buffer to the host, on the download stream. Does not wait for it.</summary>
    /// <param name="source">Must not be written until the returned fence completes.</param>
    /// <param name="bytes">At most the size of either buffer.</param>
    /// <param name="target">Must stay alive until the returned fence completes.</param>
    /// <param name="after">The copy starts when this is complete: what filled <paramref name="source"/>.</param>
    /// <returns>Complete when the bytes are there.</returns>
    /// <exception cref="DeviceException">The driver refuses the copy.</exception>
    Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after);

    /// <summary>
    /// Copies ranges of a device buffer to the same places of a host buffer, on the download stream. What lies between them may come along, as it does by default, where all up to
    /// the last one's end is copied. Does not wait for it.
    /// </summary>
    /// <param name="source">Must not be written until the returned fence completes.</param>
    /// <param name="ranges">Elements, ascending; perhaps none.</param>
    /// <param name="target">Must stay alive until the returned fence completes.</param>
    /// <param name="after">The copy starts when this is complete: what filled <paramref name="source"/>.</param>
    /// <returns>Complete when the bytes are there, and everything that was asked of the download stream before.</returns>
    /// <exception cref="DeviceException">The driver refuses the copy.</exception>
    Fence Download(DeviceBuffer source, IReadOnlyList<GradientRange> ranges, HostBuffer target, Fence after)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(ranges);
        return Download(source, ranges.Count == 0 ? 0 : ranges[^1].End * source.ElementType.ByteSize(), target, after);
    }

    /// <summary>Whether <see cref="SumSquares"/> can be asked for.</summary>
    bool SumsSquares => false;

    /// <summary>
    /// Sums the squares of the first <paramref name="elements"/> of a buffer where they lie, on the download stream, so before any download that
    /// is asked for later. Does not wait for it. The order of the sum is fixed.
    /// </summary>
    /// <param name="source">bf16 or fp32; must not be written until the returned fence completes.</param>
    /// <param name="elements">At most the buffer's.</param>
    /// <param name="parts">Whose <see cref="SquareParts.OnDevice"/> is written, all of it.</param>
    /// <param name="after">It starts when this is complete: what filled <paramref name="source"/>.</param>
    /// <returns>Complete when the parts are there.</returns>
    /// <exception cref="DeviceException">The driver refuses the launch.</exception>
    Fence SumSquares(DeviceBuffer source, long elements, SquareParts parts, Fence after) =>
        throw new NotSupportedException($"{Name} leaves sums of squares to the host");

    /// <summary>
    /// A stream beside the computation, for work that is not libtorch's, such as a collective over several devices. On a device without streams its work
    /// runs on the lane, among the operators.
    /// </summary>
    /// <param name="name">For people.</param>
    IDeviceStream OpenStream(string name) => new LaneStream(this);

    /// <summary>Complete when all operators launched so far have run. Called on the lane.</summary>
    Fence RecordCompute();

    /// <summary>Operators launched from now on start when the fence is complete. The calling thread does not wait. Called on the lane.</summary>
    void ComputeWaits(Fence fence);
}
