namespace Horizon.Flow;

/// <summary>
/// Lets the stages that compute on one micro-batch through one at a time, in the order of their visits. It keeps the order of operators,
/// and with it every bit of the result, the same whatever the capacities; and it holds one recomputed segment in memory, never two.
/// </summary>
public sealed class Turnstile
{
    private readonly Lock _gate = new();
    private readonly Dictionary<int, TaskCompletionSource> _waiting = [];
    private int _turn;

    /// <summary>Waits until all earlier turns are over.</summary>
    public ValueTask WaitAsync(int turn, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            if (turn == _turn) return ValueTask.CompletedTask;
            if (turn < _turn) throw new InvalidOperationException($"turn {turn} came after turn {_turn - 1}: a visit went through the graph twice");
            var mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (!_waiting.TryAdd(turn, mine)) throw new InvalidOperationException($"turn {turn} is awaited twice: a visit went through the graph twice");
            return new ValueTask(mine.Task.WaitAsync(cancellationToken));
        }
    }

    /// <summary>Ends a turn and lets the next one in.</summary>
    public void Done(int turn)
    {
        TaskCompletionSource? next;
        lock (_gate)
        {
            if (turn != _turn) throw new InvalidOperationException($"turn {turn} ended, but it is turn {_turn}");
            _waiting.Remove(++_turn, out next);
        }

        next?.TrySetResult();
    }
}
