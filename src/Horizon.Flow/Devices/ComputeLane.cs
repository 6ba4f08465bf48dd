using System.Collections.Concurrent;
using static TorchSharp.torch;

namespace Horizon.Flow.Devices;

/// <summary>
/// One thread that launches a device's operators, first come first served. TorchSharp's dispose scopes and libtorch's grad mode belong
/// to a thread, so each body runs synchronously, inside a dispose scope of its own (what it returns must be detached from it)
/// and with gradients off. It is a <see cref="TaskScheduler"/> too: a Dataflow block may run on it.
/// </summary>
public sealed class ComputeLane : TaskScheduler, IDisposable
{
    // What awaits a body goes on elsewhere, not on the lane.
    private const TaskCreationOptions Options = TaskCreationOptions.DenyChildAttach | TaskCreationOptions.RunContinuationsAsynchronously;

    private readonly BlockingCollection<Task> _queue = [];
    private readonly Thread _thread;
    private readonly Action? _starting;
    private int _ended;
    private volatile bool _isAbandoned;

    /// <summary>Starts the thread.</summary>
    /// <param name="name">The thread's name, for debuggers.</param>
    /// <param name="starting">Runs first on the thread, such as to choose a device.</param>
    public ComputeLane(string name, Action? starting = null)
    {
        _starting = starting;
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>1: bodies never overlap.</summary>
    public override int MaximumConcurrencyLevel => 1;

    /// <summary>Whether the caller is on the lane.</summary>
    public bool IsCurrent => Thread.CurrentThread == _thread;

    /// <summary>Whether <see cref="Abandon"/> was called.</summary>
    public bool IsAbandoned => _isAbandoned;

    /// <summary>Runs a body on the lane, after those asked for before it; at once when called from the lane itself.</summary>
    /// <param name="body">Must not wait for other work of the lane.</param>
    /// <param name="cancellationToken">Ends the wait for the turn; a body that has begun runs to its end.</param>
    /// <exception cref="ObjectDisposedException">The lane was disposed.</exception>
    public Task<T> RunAsync<T>(Func<T> body, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(body);
        var task = new Task<T>(() => InScope(body), cancellationToken, Options);
        Start(task);
        return task;
    }

    /// <inheritdoc cref="RunAsync{T}(Func{T}, CancellationToken)"/>
    public Task RunAsync(Action body, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(body);
        return RunAsync<object?>(
            () =>
            {
                body();
                return null;
            },
            cancellationToken);
    }

    /// <summary>Says that a body does not end: nobody waits for the thread any more, and its device is left to the process.</summary>
    public void Abandon() => _isAbandoned = true;

    /// <summary>Runs what was asked for, then ends the thread.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0) return;
        _queue.CompleteAdding();
        if (!IsCurrent && !_isAbandoned) _thread.Join();
    }

    /// <inheritdoc/>
    protected override void QueueTask(Task task) => _queue.Add(task);

    /// <summary>Runs a task where it is waited for only on the lane, and never one that stands in the queue: order is kept.</summary>
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        IsCurrent && !taskWasPreviouslyQueued && Execute(task);

    /// <inheritdoc/>
    protected override IEnumerable<Task> GetScheduledTasks() => [.. _queue];

    // Ends before the task does: who awaits it finds the temporaries gone.
    private static T InScope<T>(Func<T> body)
    {
        using var scope = NewDisposeScope();
        return body();
    }

    private void Start(Task task)
    {
        ObjectDisposedException.ThrowIf(_ended != 0, this);
        if (task.IsCanceled) return;
        if (IsCurrent) task.RunSynchronously(this);
        else task.Start(this);
    }

    private void Run()
    {
        _starting?.Invoke();
        using (_queue)
        {
            foreach (var task in _queue.GetConsumingEnumerable()) Execute(task);
        }
    }

    private bool Execute(Task task)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return TryExecuteTask(task);
    }
}
