using System.Collections.Concurrent;
using static Horizon.Flow.Devices.CudaDriver;

namespace Horizon.Flow.Devices;

/// <summary>A stream, the fences recorded on it, and the thread that sees them complete, in order.</summary>
internal sealed class CudaStream : IDisposable
{
    private readonly BlockingCollection<CudaFence> _recorded = [];
    private readonly ConcurrentBag<nint> _events = [];
    private readonly CudaContext _context;
    private readonly Lock _gate = new();
    private readonly Thread _watcher;
    private readonly CudaClock? _clock;
    private readonly bool _owned;

    /// <summary>A new stream without implicit order, or the one on which libtorch launches; an urgent one's kernels come before others that wait for room.</summary>
    public CudaStream(CudaContext context, string name, CudaClock? clock, bool libtorch = false, bool urgent = false)
    {
        _context = context;
        _clock = clock;
        _owned = !libtorch;
        Handle = LegacyDefaultStream;
        if (_owned)
        {
            using var entered = context.Enter();
            Check(cuStreamCreateWithPriority(out var handle, NonBlockingStream, urgent ? HighestPriority : 0), "cuStreamCreateWithPriority");
            Handle = handle;
        }

        _watcher = new Thread(Watch) { Name = name, IsBackground = true };
        _watcher.Start();
    }

    /// <summary>The driver's handle.</summary>
    public nint Handle { get; }

    /// <summary>Puts work into the stream after a fence, and a fence behind it, as one.</summary>
    public CudaFence Enqueue(Fence after, string call, Func<nint, int> work)
    {
        using var entered = _context.Enter();
        lock (_gate)
        {
            HoldBack(after);
            var start = _clock is null ? 0 : RecordEvent();
            Check(work(Handle), call);
            return Record(start);
        }
    }

    /// <summary>The same for work that throws where it fails.</summary>
    public CudaFence Enqueue(IReadOnlyList<Fence> after, Action<nint> work)
    {
        using var entered = _context.Enter();
        lock (_gate)
        {
            foreach (var fence in after) HoldBack(fence);
            var start = _clock is null ? 0 : RecordEvent();
            work(Handle);
            return Record(start);
        }
    }

    /// <summary>A fence behind everything in the stream.</summary>
    public CudaFence RecordFence()
    {
        using var entered = _context.Enter();
        lock (_gate) return Record();
    }

    /// <summary>What is put into the stream from now on starts after the fence.</summary>
    public void WaitFor(Fence fence)
    {
        if (fence.IsComplete && fence is not CudaFence) return;
        using var entered = _context.Enter();
        HoldBack(fence);
    }

    /// <summary>Waits on the host until the stream is empty.</summary>
    public void Synchronize()
    {
        using var entered = _context.Enter();
        Check(cuStreamSynchronize(Handle), "cuStreamSynchronize");
    }

    public void Dispose()
    {
        _recorded.CompleteAdding();
        _watcher.Join();
        using (_context.Enter())
        {
            foreach (var @event in _events) _ = cuEventDestroy_v2(@event);
            if (_owned) _ = cuStreamDestroy_v2(Handle);
        }

        _recorded.Dispose();
    }

    private void HoldBack(Fence fence)
    {
        if (fence is CudaFence ours) ours.HoldBack(Handle);
        else if (!fence.IsComplete) throw new ArgumentException("the fence belongs to another kind of device", nameof(fence));
    }

    private CudaFence Record(nint start = 0)
    {
        var fence = new CudaFence(RecordEvent(), start);
        _recorded.Add(fence);
        return fence;
    }

    private nint RecordEvent()
    {
        if (!_events.TryTake(out var @event)) Check(cuEventCreate(out @event, BlockingWait | (_clock is null ? NoTiming : 0)), "cuEventCreate");
        Check(cuEventRecord(@event, Handle), "cuEventRecord");
        return @event;
    }

    private void Watch()
    {
        _context.Stay();
        foreach (var fence in _recorded.GetConsumingEnumerable())
        {
            var result = cuEventSynchronize(fence.Event);
            fence.Complete(result == 0 ? null : Failure(result), result == 0 ? Timing(fence) : null);
            _events.Add(fence.Event);
            if (fence.Start != 0) _events.Add(fence.Start);
        }
    }

    private DeviceTiming? Timing(CudaFence fence)
    {
        if (_clock is null) return null;
        var end = _clock.TicksOf(fence.Event);
        return new DeviceTiming(fence.Start == 0 ? end : _clock.TicksOf(fence.Start), end);
    }

    private DeviceException Failure(int result)
    {
        try
        {
            Check(result, $"work on the {_watcher.Name}, seen by cuEventSynchronize,");
        }
        catch (DeviceException error)
        {
            return error;
        }

        return new DeviceException($"work on the {_watcher.Name} failed");
    }
}
