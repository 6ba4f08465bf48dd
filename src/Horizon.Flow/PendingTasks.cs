namespace Horizon.Flow;

/// <summary>The reports and losses that a run still owes.</summary>
internal sealed class PendingTasks
{
    private readonly Lock _gate = new();
    private readonly List<Task> _tasks = [];

    public void Add(Task task)
    {
        lock (_gate)
        {
            _tasks.RemoveAll(done => done.IsCompletedSuccessfully);
            _tasks.Add(task);
        }
    }

    /// <summary>Ends with the last of those there now; fails with the first that fails.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken = default)
    {
        Task[] tasks;
        lock (_gate) tasks = [.. _tasks];
        foreach (var task in tasks) await task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Ends when all are over, well or not.</summary>
    public async Task EndAsync()
    {
        Task[] tasks;
        lock (_gate) tasks = [.. _tasks];
        foreach (var task in tasks) await Task.WhenAny(task).ConfigureAwait(false);
    }
}
