namespace Horizon.Flow.Runs.Session;

/// <summary>Lets those through who wait for a step, once it is reached. Closed, it turns all others away: nobody waits for ever.</summary>
internal sealed class StepGate
{
    private readonly Lock _gate = new();
    private TaskCompletionSource _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _reached;
    private bool _closed;

    /// <summary>The step is reached, and all before it.</summary>
    public void Open(long step) => Move(() => _reached = Math.Max(_reached, step));

    /// <summary>No further step will be reached.</summary>
    public void Close() => Move(() => _closed = true);

    /// <summary>Waits for a step.</summary>
    /// <exception cref="HorizonException">The gate is closed, and the step was not reached.</exception>
    public async Task WaitAsync(long step, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task moved;
            lock (_gate)
            {
                if (_reached >= step) return;
                if (_closed) throw new HorizonException($"the run ended before step {step} was recorded");
                moved = _moved.Task;
            }

            await moved.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private void Move(Action change)
    {
        TaskCompletionSource moved;
        lock (_gate)
        {
            change();
            moved = _moved;
            _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        moved.TrySetResult();
    }
}
