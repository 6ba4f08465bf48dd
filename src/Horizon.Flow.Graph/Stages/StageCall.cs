namespace Horizon.Flow.Graph;

/// <summary>What a stage's body is given beside its message: the token that stops it, and a clock for waits on others.</summary>
public sealed class StageCall
{
    private readonly TimeProvider _time;

    internal StageCall(TimeProvider time, CancellationToken cancellation)
    {
        _time = time;
        Cancellation = cancellation;
    }

    /// <summary>Cancelled when the run stops; pass it to everything awaited.</summary>
    public CancellationToken Cancellation { get; }

    internal long WaitedTicks { get; private set; }

    /// <summary>Awaits a credit, a version or a turn, and books the time as waiting, not as work.</summary>
    public async ValueTask<T> WaitFor<T>(ValueTask<T> wait)
    {
        if (wait.IsCompletedSuccessfully) return wait.Result;
        var start = _time.GetTimestamp();
        try
        {
            return await wait.ConfigureAwait(false);
        }
        finally
        {
            WaitedTicks += _time.GetTimestamp() - start;
        }
    }

    /// <inheritdoc cref="WaitFor{T}(ValueTask{T})"/>
    public async ValueTask WaitFor(ValueTask wait)
    {
        if (wait.IsCompletedSuccessfully) return;
        var start = _time.GetTimestamp();
        try
        {
            await wait.ConfigureAwait(false);
        }
        finally
        {
            WaitedTicks += _time.GetTimestamp() - start;
        }
    }
}
