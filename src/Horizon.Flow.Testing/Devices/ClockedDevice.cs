using System.Runtime.CompilerServices;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using static TorchSharp.torch;

namespace Horizon.Flow.Testing;

/// <summary>
/// A CPU that is as strict as a device with streams may be: uploads, downloads and the computation each have a logical clock, fences carry
/// them, and an access to a buffer that no fence orders behind the last one throws an <see cref="UnorderedAccessException"/> that names the buffer and both. What is computed is what
/// a <see cref="CpuDevice"/> computes, to the bit.
/// </summary>
/// <remarks>
/// <para>Copies are seen as they are asked for. What the computation writes shows in the bytes, which are looked at whenever a fence is recorded
/// or waited for; writing what was there already is not seen. What it reads is a buffer whose upload it has waited for; until then the buffer holds NaNs of its own,
/// which show where they arrive in a gradient or a loss (in bf16 any NaN is taken for one of them while an upload is not waited for). Host memory that a download goes to holds NaNs too until somebody waits for it.</para>
/// <para>The host's waits order the buffers of the copy that was waited for, and no others.</para>
/// </remarks>
public sealed class ClockedDevice : IComputeDevice
{
    private readonly CpuDevice _inner;
    private readonly Lock _gate = new();
    private readonly Dictionary<nint, WatchedMemory> _buffers = [];
    private readonly ConditionalWeakTable<HostBuffer, WatchedMemory> _host = [];
    private readonly List<(Tensor Source, Access Access)> _tensorReads = [];
    private readonly List<UnorderedAccessException> _found = [];
    private Clock _uploads;
    private Clock _downloads;
    private Clock _compute;
    private long _nextFence = 1;
    private int _count;

    /// <summary>Starts the lane.</summary>
    /// <param name="threads">Threads of an operator, as in <see cref="CpuDevice"/>.</param>
    public ClockedDevice(int? threads = null) => _inner = new CpuDevice(threads);

    /// <inheritdoc/>
    public Device TorchDevice => _inner.TorchDevice;

    /// <inheritdoc/>
    public string Name => "cpu with logical clocks";

    /// <inheritdoc/>
    public long? MemoryBytes => null;

    /// <inheritdoc/>
    public ComputeLane Lane => _inner.Lane;

    /// <summary>Every pair of accesses found so far that no fence orders, the first of which was thrown; empty where all is well.</summary>
    public IReadOnlyList<UnorderedAccessException> Found
    {
        get
        {
            lock (_gate) return [.. _found];
        }
    }

    /// <inheritdoc/>
    public DeviceBuffer Allocate(long elements, ElementType type)
    {
        nint address = 0;
        var buffer = new DeviceBuffer(TorchDevice, elements, type, () =>
        {
            lock (_gate) _buffers.Remove(address);
        });
        address = buffer.Address;
        lock (_gate)
        {
            var number = ++_count;
            var memory = new WatchedMemory($"device buffer {number} ({elements} {type})", number, () => address, buffer.ByteLength, type == ElementType.BFloat16);
            memory.HasChanged();
            _buffers.Add(address, memory);
        }

        return buffer;
    }

    /// <inheritdoc/>
    public void PageLock(HostBuffer buffer) => _inner.PageLock(buffer);

    /// <inheritdoc/>
    public void Unlock(HostBuffer buffer) => _inner.Unlock(buffer);

    /// <inheritdoc/>
    public Fence Upload(HostBuffer source, long bytes, DeviceBuffer target, Fence after)
    {
        Check(source, bytes, target);
        lock (_gate)
        {
            var to = _buffers.GetValueOrDefault(target.Address) ?? throw new ArgumentException("an upload goes to a buffer that the device has allocated and not yet freed", nameof(target));
            var (from, clock) = (Host(source), _uploads.Join(TimeOf(after)));
            clock = _uploads = clock with { Upload = clock.Upload + 1 };
            var (reads, writes) = (new Access(StreamKind.Upload, clock.Upload, "reads"), new Access(StreamKind.Upload, clock.Upload, "fills"));
            Notice(to);
            const string Mend = "pass the fence of the buffer's last use as after, and leave the copy's fence with the buffer";
            Require(to, writes, clock.Join(to.HostKnows), Mend, to.Written, to.Read, to.Copied);
            Require(from, reads, clock.Join(from.HostKnows), "wait for the download before the buffer goes up again", from.Filled);
            if (from.IsLanding) from.Land();
            from.Copied = reads;
            to.Fill(from.Snapshot(bytes), writes);
            return new ClockedFence(this, clock, to, from);
        }
    }

    /// <inheritdoc/>
    public Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after)
    {
        Check(target, bytes, source);
        lock (_gate)
        {
            var (to, clock) = (Host(target), _downloads.Join(TimeOf(after)));
            clock = _downloads = clock with { Download = clock.Download + 1 };
            var (reads, writes) = (new Access(StreamKind.Download, clock.Download, "reads"), new Access(StreamKind.Download, clock.Download, "fills"));
            var from = _buffers.GetValueOrDefault(source.Address);
            if (from is not null) ReadBuffer(from, reads, clock);
            else ReadTensor(source, reads, TimeOf(after));
            Require(to, writes, clock.Join(to.HostKnows), "wait for the upload before the buffer is filled again", to.Copied);
            to.Fill(Snapshot(source, bytes), writes);
            return new ClockedFence(this, clock, from, to);
        }
    }

    /// <inheritdoc/>
    public Fence RecordCompute()
    {
        RequireLane(nameof(RecordCompute));
        lock (_gate)
        {
            Look();
            _compute = _compute with { Compute = _nextFence++ };
            return new ClockedFence(this, _compute);
        }
    }

    /// <inheritdoc/>
    public void ComputeWaits(Fence fence)
    {
        RequireLane(nameof(ComputeWaits));
        lock (_gate)
        {
            Look();
            _compute = _compute.Join(TimeOf(fence));
            _tensorReads.RemoveAll(read => _compute.Covers(read.Access));
            var awaited = (fence as ClockedFence)?.OnDevice;
            foreach (var buffer in _buffers.Values.Where(buffer => buffer.Filled is { } fill && (buffer == awaited || buffer.IsLanding) && _compute.Covers(fill)))
            {
                buffer.Land();
                buffer.Read = new Access(StreamKind.Compute, _nextFence, "reads");
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _inner.Dispose();

    internal void HostWaits(ClockedFence fence)
    {
        lock (_gate)
        {
            _tensorReads.RemoveAll(read => fence.Clock.Covers(read.Access));
            IEnumerable<WatchedMemory?> known = fence.OnDevice is null && fence.OnHost is null ? _buffers.Values : [fence.OnDevice, fence.OnHost];
            foreach (var memory in known.OfType<WatchedMemory>())
            {
                memory.HostKnows = memory.HostKnows.Join(fence.Clock);
                if (memory.IsLanding && memory.HostKnows.Covers(memory.Filled!)) memory.Land();
            }
        }
    }

    private static unsafe byte[] Snapshot(DeviceBuffer source, long bytes) => new Span<byte>((void*)source.Address, (int)bytes).ToArray();

    private static void Check(HostBuffer host, long bytes, DeviceBuffer device)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, Math.Min(host.ByteLength, device.ByteLength));
    }

    private void RequireLane(string what)
    {
        if (!Lane.IsCurrent) throw new InvalidOperationException($"{what} is called on the device's compute lane alone: it speaks of what the calling thread has launched");
    }

    private Clock TimeOf(Fence fence)
    {
        ArgumentNullException.ThrowIfNull(fence);
        if (fence is ClockedFence own && own.Device == this) return own.Clock;
        return fence.IsComplete ? default : throw new ArgumentException("the fence belongs to another device", nameof(fence));
    }

    private WatchedMemory Host(HostBuffer buffer) => _host.GetValue(buffer, made =>
    {
        var number = ++_count;
        return new WatchedMemory($"host buffer {number} ({made.ByteLength} bytes)", number, () => made.Address, made.ByteLength, isBf16: false);
    });

    private void ReadBuffer(WatchedMemory from, Access reads, Clock clock)
    {
        Notice(from);
        var known = clock.Join(from.HostKnows);
        Require(from, reads, known, "record the computation behind the last write, and leave that fence with the buffer", from.Written, from.Filled);
        if (from.IsLanding) from.Land();
        from.Copied = reads;
    }

    // A tensor of libtorch's own memory: nobody saw who wrote it, but something was computed before, and it must not be freed too early.
    private void ReadTensor(DeviceBuffer source, Access reads, Clock after)
    {
        if (after.Compute == 0)
            Report($"a tensor of {source.ElementCount} {source.ElementType}", "the computation writes it", reads.ToString(), "pass a fence of RecordCompute as after");
        _tensorReads.Add((source.Flat, reads));
    }

    // All that the computation has written since it was looked at last. On the lane, so that nothing is computed meanwhile.
    private void Look()
    {
        foreach (var buffer in _buffers.Values) Notice(buffer);
        foreach (var (_, access) in _tensorReads.Where(read => read.Source.IsInvalid && !_compute.Covers(read.Access)).ToList())
        {
            _tensorReads.RemoveAll(read => read.Access == access);
            Report("a tensor that moves to the host", access.ToString(), "its memory is freed", "let the computation wait for the copy before the tensor is disposed");
        }
    }

    private void Notice(WatchedMemory buffer)
    {
        if (!buffer.HasChanged()) return;
        var writes = new Access(StreamKind.Compute, _nextFence, "writes");
        const string Mend = "let the computation wait for the buffer's fence before it touches it";
        Require(buffer, writes, _compute.Join(buffer.HostKnows), Mend, buffer.Copied, buffer.Filled);
        buffer.Written = writes;
        var marks = buffer.Marks().ToHashSet();
        if (marks.Count == 0) return;
        foreach (var other in _buffers.Values.Where(other => other.IsLanding && (marks.Contains(other.Mark) || (other.LosesMark && marks.Contains(0)))))
            Report(other.Name, other.Filled!.ToString(), $"the computation before its fence {_nextFence} reads it (its NaNs have come to {buffer.Name})", Mend);
    }

    private void Require(WatchedMemory memory, Access second, Clock known, string mend, params ReadOnlySpan<Access?> earlier)
    {
        foreach (var first in earlier)
            if (first is not null && !known.Covers(first)) Report(memory.Name, first.ToString(), second.ToString(), mend);
    }

    // Thrown once: a run that has failed still has to end.
    private void Report(string buffer, string first, string second, string mend)
    {
        var found = new UnorderedAccessException(buffer, first, second, mend);
        _found.Add(found);
        if (_found.Count == 1) throw found;
    }
}
