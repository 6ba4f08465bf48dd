using System.Collections.Concurrent;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using static TorchSharp.torch;

namespace Horizon.Flow.Testing;

/// <summary>
/// The CPU with copies that land late, after random delays, as on a GPU; and with poison: a buffer is NaN until its copy has landed, and a
/// gradient buffer is NaN again once it was copied down. Who reads without waiting for the fence reads NaN.
/// </summary>
public sealed class JitterDevice(int seed) : IComputeDevice
{
    private readonly CpuDevice _inner = new();
    private readonly ConcurrentDictionary<Task, bool> _copies = [];
    private readonly ConcurrentDictionary<nint, bool> _allocated = [];
    private int _count;

    /// <inheritdoc/>
    public Device TorchDevice => _inner.TorchDevice;

    /// <inheritdoc/>
    public string Name => "cpu with late copies";

    /// <inheritdoc/>
    public long? MemoryBytes => null;

    /// <inheritdoc/>
    public ComputeLane Lane => _inner.Lane;

    /// <inheritdoc/>
    public DeviceBuffer Allocate(long elements, ElementType type)
    {
        DeviceBuffer? buffer = null;
        buffer = new DeviceBuffer(TorchDevice, elements, type, () => _allocated.TryRemove(buffer!.Address, out _));
        Poison(buffer);
        _allocated.TryAdd(buffer.Address, true);
        return buffer;
    }

    /// <inheritdoc/>
    public void PageLock(HostBuffer buffer) => _inner.PageLock(buffer);

    /// <inheritdoc/>
    public void Unlock(HostBuffer buffer) => WaitForCopies();

    /// <inheritdoc/>
    public Fence Upload(HostBuffer source, long bytes, DeviceBuffer target, Fence after) => Later(after, () =>
    {
        Poison(target);
        return () => _inner.Upload(source, bytes, target, Fence.Completed);
    });

    /// <inheritdoc/>
    public Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after) => Later(after, () => () =>
    {
        _inner.Download(source, bytes, target, Fence.Completed);
        if (_allocated.ContainsKey(source.Address)) Poison(source); // an input that is offloaded is still being read
    });

    /// <inheritdoc/>
    public Fence RecordCompute() => Fence.Completed;

    /// <inheritdoc/>
    public void ComputeWaits(Fence fence) => (fence ?? throw new ArgumentNullException(nameof(fence))).WaitAsync().AsTask().GetAwaiter().GetResult();

    /// <inheritdoc/>
    public void Dispose()
    {
        WaitForCopies();
        _inner.Dispose();
    }

    private static unsafe void Poison(DeviceBuffer buffer) => new Span<byte>((void*)buffer.Address, (int)buffer.ByteLength).Fill(0xFF);

    // A copy that failed was told to whoever awaited its fence.
    private void WaitForCopies() => Task.WhenAll(_copies.Keys).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();

    private LateFence Later(Fence after, Func<Action> begin)
    {
        var number = Interlocked.Increment(ref _count);
        var copy = Task.Run(CopyAsync); // not on the lane, which may wait for it
        _copies.TryAdd(copy, true);
        copy.ContinueWith(done => _copies.TryRemove(done, out _), TaskScheduler.Default);
        return new LateFence(copy);

        async Task CopyAsync()
        {
            await after.WaitAsync().ConfigureAwait(false);
            var finish = begin();
            var delay = Seeds.Mix(seed, number) % 16;
            if (delay < 3) await Task.Delay(delay + 1).ConfigureAwait(false);
            else for (; delay > 3; delay--) await Task.Yield();
            finish();
        }
    }

    private sealed class LateFence(Task copy) : Fence
    {
        public override bool IsComplete => copy.IsCompleted;

        public override ValueTask WaitAsync(CancellationToken cancellationToken = default) => new(copy.WaitAsync(cancellationToken));
    }
}
