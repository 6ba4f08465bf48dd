namespace Horizon.Flow.Host.Store;

/// <summary>One unit's version, and those who wait for it to rise.</summary>
internal sealed class VersionGate
{
    private readonly Lock _gate = new();
    private readonly List<(long Version, TaskCompletionSource Reached)> _waiters = [];
    private long _version;

    public long Version => Interlocked.Read(ref _version);

    public ValueTask WaitAsync(long version, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_version >= version) return ValueTask.CompletedTask;
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((version, reached));
            return new ValueTask(reached.Task.WaitAsync(cancellationToken));
        }
    }

    public void Set(long version)
    {
        List<TaskCompletionSource> reached;
        lock (_gate)
        {
            Interlocked.Exchange(ref _version, version);
            reached = [.. _waiters.Where(waiter => waiter.Version <= version).Select(waiter => waiter.Reached)];
            _waiters.RemoveAll(waiter => waiter.Version <= version);
        }

        foreach (var waiter in reached) waiter.TrySetResult();
    }

    public void ForgetWaiters()
    {
        lock (_gate) _waiters.Clear();
    }
}
