using static Horizon.Flow.Devices.CudaDriver;

namespace Horizon.Flow.Devices;

/// <summary>
/// An event of a stream. Once the host has seen it complete, the event goes back to its pool, and who still holds the fence finds
/// it complete: an event that was recorded anew is never waited for in place of the old one.
/// </summary>
internal sealed class CudaFence(nint @event, nint start = 0) : Fence
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private bool _complete;
    private DeviceTiming? _timing;

    /// <summary>The event, for the thread that watches it.</summary>
    public nint Event => @event;

    /// <summary>The event before the work; 0 where it is not timed.</summary>
    public nint Start => start;

    public override DeviceTiming? Timing => IsComplete ? _timing : null;

    public override bool IsComplete => Volatile.Read(ref _complete);

    public override ValueTask WaitAsync(CancellationToken cancellationToken = default) =>
        new(cancellationToken.CanBeCanceled ? _done.Task.WaitAsync(cancellationToken) : _done.Task);

    /// <summary>What is put into the stream from now on starts after the fence.</summary>
    public void HoldBack(nint stream)
    {
        lock (_gate)
        {
            if (!_complete) Check(cuStreamWaitEvent(stream, @event, 0), "cuStreamWaitEvent");
        }

        // A failed wait would let the stream run on with what never arrived.
        if (_done.Task.IsFaulted) _done.Task.GetAwaiter().GetResult();
    }

    /// <summary>The host has seen the event; it may be recorded anew from now on.</summary>
    public void Complete(Exception? error, DeviceTiming? timing)
    {
        _timing = timing;
        lock (_gate) _complete = true;
        if (error is null) _done.SetResult();
        else _done.SetException(error);
        _ = _done.Task.Exception; // observed here: a fence that nobody awaits is no unhandled error
    }
}
