namespace Horizon.Flow.Graph;

/// <summary>What a stage's body is given beside its message: the token that stops it, and a clock for waits on others.</summary>
public sealed class StageCall
{
    private readonly TimeProvider _time;
    private readonly StageProbe? _probe;

    internal StageCall(TimeProvider time, StageProbe? probe, CancellationToken cancellation)
    {
        _time = time;
        _probe = probe;
        Cancellation = cancellation;
    }

    /// <summary>Cancelled when the run stops; pass it to everything awaited.</summary>
    public CancellationToken Cancellation { get; }

    internal long WaitedTicks { get; private set; }

    /// <summary>Awaits a credit, a version or a turn, and books the time as waiting, not as work.</summary>
    public async ValueTask<T> WaitFor<T>(ValueTask<T> wait)
    {
        if (wait.IsCompletedSuccessfully) return wait.Result;
        var start = Pause();
        try
        {
            return await wait.ConfigureAwait(false);
        }
        finally
        {
            Resume(start);
        }
    }

    /// <inheritdoc cref="WaitFor{T}(ValueTask{T})"/>
    public async ValueTask WaitFor(ValueTask wait)
    {
        if (wait.IsCompletedSuccessfully) return;
        var start = Pause();
        try
        {
            await wait.ConfigureAwait(false);
        }
        finally
        {
            Resume(start);
        }
    }

    private long Pause()
    {
        _probe?.AddWorking(-1);
        return _time.GetTimestamp();
    }

    private void Resume(long start)
    {
        WaitedTicks += _time.GetTimestamp() - start;
        _probe?.AddWorking(1);
    }
}
