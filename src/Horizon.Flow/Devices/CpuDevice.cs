using Horizon.Flow.Host.Memory;
using Horizon.Flow.Native;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Devices;

/// <summary>
/// The machine's own processors. The same graph, credits and versions run as on a GPU; the copy engine is a memory copy that
/// the calling thread makes, and every operator has run when its call returns, so every fence is complete.
/// </summary>
public sealed class CpuDevice : IComputeDevice
{
    /// <summary>Loads libtorch and starts the lane.</summary>
    /// <param name="threads">See <see cref="Threads"/>; by default as many as libtorch takes on this machine, or as OMP_NUM_THREADS says.</param>
    /// <exception cref="HorizonException">libtorch does not load.</exception>
    public CpuDevice(int? threads = null)
    {
        if (threads is { } count) ArgumentOutOfRangeException.ThrowIfLessThan(count, 1, nameof(threads));
        NativeTorch.Load();
        ProcessHeap.GiveLargeBlocksTheirOwnPages();
        TorchDevice = CPU;
        Threads = threads ?? NativeTorch.DefaultThreads;
        Lane = new ComputeLane("cpu lane", () => SetThreads(Threads));
    }

    /// <summary>
    /// Threads of an operator. Sums are cut into as many parts, so the last bits of the results depend on this number, but not on how many
    /// processors there are to run them.
    /// </summary>
    public int Threads { get; private set; }

    /// <inheritdoc/>
    public Device TorchDevice { get; }

    /// <inheritdoc/>
    public string Name => $"cpu ({Threads} {(Threads == 1 ? "thread" : "threads")})";

    /// <inheritdoc/>
    public long? MemoryBytes => null;

    /// <inheritdoc/>
    public ComputeLane Lane { get; }

    /// <inheritdoc/>
    public DeviceBuffer Allocate(long elements, ElementType type) => new(TorchDevice, elements, type);

    /// <inheritdoc/>
    public void PageLock(HostBuffer buffer) => ArgumentNullException.ThrowIfNull(buffer);

    /// <inheritdoc/>
    public void Unlock(HostBuffer buffer) => ArgumentNullException.ThrowIfNull(buffer);

    /// <inheritdoc/>
    public Fence Upload(HostBuffer source, long bytes, DeviceBuffer target, Fence after)
    {
        CopyArguments.Check(source, bytes, target, after);
        HostCopy.Copy(source.Address, target.Address, bytes);
        return Fence.Completed;
    }

    /// <inheritdoc/>
    public Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after)
    {
        CopyArguments.Check(target, bytes, source, after);
        HostCopy.Copy(source.Address, target.Address, bytes);
        return Fence.Completed;
    }

    /// <inheritdoc/>
    public Fence Download(DeviceBuffer source, IReadOnlyList<GradientRange> ranges, HostBuffer target, Fence after)
    {
        CopyArguments.Check(target, ranges, source, after);
        foreach (var range in ranges)
        {
            var (offset, length) = range.Bytes(source.ElementType);
            HostCopy.Copy(source.Address + (nint)offset, target.Address + (nint)offset, length);
        }

        return Fence.Completed;
    }

    /// <inheritdoc/>
    public Fence RecordCompute() => Fence.Completed;

    /// <inheritdoc/>
    public void ComputeWaits(Fence fence) => ArgumentNullException.ThrowIfNull(fence);

    /// <summary>Operators launched from now on use so many <see cref="Threads"/>.</summary>
    /// <param name="threads">At least 1.</param>
    public async Task UseThreadsAsync(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        await Lane.RunAsync(() => SetThreads(threads), CancellationToken.None).ConfigureAwait(false);
        Threads = threads;
    }

    /// <inheritdoc/>
    public void Dispose() => Lane.Dispose();

    // libtorch keeps the number for each thread that launches operators. The first look at it on a thread takes over what any thread of the
    // process has set last, so that look comes first.
    private static void SetThreads(int threads)
    {
        _ = get_num_threads();
        set_num_threads(threads);
    }
}
