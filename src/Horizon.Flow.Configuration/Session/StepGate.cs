namespace Horizon.Flow.Configuration;

/// <summary>Lets those through who wait for a step, once it is reached.</summary>
internal sealed class StepGate
{
    private readonly Lock _gate = new();
    private TaskCompletionSource _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _reached;

    public void Open(long step)
    {
        TaskCompletionSource moved;
        lock (_gate)
        {
            _reached = Math.Max(_reached, step);
            moved = _moved;
            _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        moved.TrySetResult();
    }

    public async Task WaitAsync(long step, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task moved;
            lock (_gate)
            {
                if (_reached >= step) return;
                moved = _moved.Task;
            }

            await moved.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
