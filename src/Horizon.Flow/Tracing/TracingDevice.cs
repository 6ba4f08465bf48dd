using System.Collections.Concurrent;
using System.Diagnostics;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;

namespace Horizon.Flow.Tracing;

/// <summary>
/// Writes down when each piece of work on the device began and ended: by the device's own events where it was opened for timing, else as the host
/// sees it: ends are the completions of fences, a beginning is the latest of the end before on the same stream, of what the work waits for, and of
/// its launch.
/// </summary>
/// <param name="inner">The device that does the work; left open.</param>
public sealed class TracingDevice(IComputeDevice inner) : DeviceWrapper(inner)
{
    private readonly ConcurrentQueue<DeviceSpan> _spans = [];
    private readonly ConcurrentDictionary<Fence, DeviceSpan> _open = [];
    private readonly List<Task<DeviceSpan>> _waits = [];
    private readonly Stream _compute = new("compute");
    private readonly Stream _up = new("upload");
    private readonly Stream _down = new("download");
    private long _launch;
    private Fence? _begin;
    private volatile bool _stopped;

    /// <summary>What has ended so far.</summary>
    public IReadOnlyList<DeviceSpan> Spans => [.. _spans];

    /// <summary>Writes nothing more down, so that the rest of a long run costs nothing.</summary>
    public void StopTracing() => _stopped = true;

    /// <inheritdoc/>
    public override Fence Upload(HostBuffer source, long bytes, DeviceBuffer target, Fence after)
    {
        var launched = Stopwatch.GetTimestamp();
        return Follow(_up, base.Upload(source, bytes, target, after), launched, [after], bytes);
    }

    /// <inheritdoc/>
    public override Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after)
    {
        var launched = Stopwatch.GetTimestamp();
        return Follow(_down, base.Download(source, bytes, target, after), launched, [after], bytes);
    }

    /// <inheritdoc/>
    public override Fence Download(DeviceBuffer source, IReadOnlyList<GradientRange> ranges, HostBuffer target, Fence after)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(ranges);
        var launched = Stopwatch.GetTimestamp();
        return Follow(_down, base.Download(source, ranges, target, after), launched, [after], ranges.Sum(range => range.Count) * source.ElementType.ByteSize());
    }

    /// <inheritdoc/>
    public override Fence SumSquares(DeviceBuffer source, long elements, SquareParts parts, Fence after)
    {
        var launched = Stopwatch.GetTimestamp();
        return Follow(_down, base.SumSquares(source, elements, parts, after), launched, [after], 0);
    }

    /// <inheritdoc/>
    public override IDeviceStream OpenStream(string name) => new TracedStream(this, new Stream(name), base.OpenStream(name));

    /// <inheritdoc/>
    public override void ComputeWaits(Fence fence)
    {
        if (_stopped)
        {
            base.ComputeWaits(fence);
            return;
        }

        if (_launch == 0) _launch = Stopwatch.GetTimestamp();
        if (_open.TryGetValue(fence, out var span)) _waits.Add(span.Done.Task);
        base.ComputeWaits(fence);
        _begin ??= base.RecordCompute(); // the operators that follow begin here
    }

    /// <inheritdoc/>
    public override Fence RecordCompute()
    {
        var launched = _launch == 0 ? Stopwatch.GetTimestamp() : _launch;
        var fence = Follow(_compute, base.RecordCompute(), launched, [], 0, [.. _waits]);
        _waits.Clear();
        _launch = 0;
        _begin = null;
        return fence;
    }

    private Fence Follow(Stream stream, Fence fence, long launched, Fence[] after, long bytes, Task<DeviceSpan>[]? waits = null)
    {
        if (_stopped) return fence;
        var begin = waits is null ? null : _begin;
        var before = waits ?? [.. after.Select(one => _open.TryGetValue(one, out var span) ? span.Done.Task : null).OfType<Task<DeviceSpan>>()];
        var traced = new DeviceSpan(stream.Name, launched, bytes);
        // A completed fence may be one shared object, so only real ones are found again.
        if (!fence.IsComplete) _open[fence] = traced;
        _ = ObserveAsync(stream, fence, traced, before, begin);
        return fence;
    }

    private async Task ObserveAsync(Stream stream, Fence fence, DeviceSpan span, Task<DeviceSpan>[] before, Fence? begin)
    {
        var previous = stream.Exchange(span);
        try
        {
            await fence.WaitAsync().ConfigureAwait(false);
        }
        catch (DeviceException)
        {
            span.Done.TrySetResult(span); // the run itself reports the fault
            return;
        }

        span.IsMeasured = fence.Timing is not null;
        span.End = fence.Timing?.End ?? Stopwatch.GetTimestamp();
        var last = previous is null ? 0 : (await previous.Done.Task.ConfigureAwait(false)).End;
        var data = 0L;
        foreach (var wait in before) data = Math.Max(data, (await wait.ConfigureAwait(false)).End);
        span.Settle(last, data, begin is null ? fence.Timing?.Start : begin.Timing?.End);
        _spans.Enqueue(span);
        _open.TryRemove(fence, out _);
        span.Done.TrySetResult(span);
    }

    private sealed class TracedStream(TracingDevice owner, Stream row, IDeviceStream inner) : IDeviceStream
    {
        public Fence Enqueue(IReadOnlyList<Fence> after, Action<nint> work)
        {
            var launched = Stopwatch.GetTimestamp();
            return owner.Follow(row, inner.Enqueue(after, work), launched, [.. after], 0);
        }

        public void Dispose() => inner.Dispose();
    }

    private sealed class Stream(string name)
    {
        private DeviceSpan? _last;

        public string Name { get; } = name;

        public DeviceSpan? Exchange(DeviceSpan span) => Interlocked.Exchange(ref _last, span);
    }
}
