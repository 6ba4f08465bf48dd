namespace Horizon.Flow.Graph;

/// <summary>What a stage's body is given beside its message: the token that stops it, and a clock for waits on others.</summary>
public sealed class StageCall
{
    // Whose body the code that runs is part of, through every await: a pool that makes it wait says so, and a run knows its own stages.
    private static readonly AsyncLocal<StageCall?> _current = new();

    private readonly TimeProvider _time;

    internal StageCall(TimeProvider time, StageProbe? probe, IUnitMessage? message, CancellationToken cancellation)
    {
        _time = time;
        Probe = probe;
        Message = message;
        Cancellation = cancellation;
    }

    /// <summary>Cancelled when the run stops; pass it to everything awaited.</summary>
    public CancellationToken Cancellation { get; }

    internal static StageCall? Current
    {
        get => _current.Value;
        set => _current.Value = value;
    }

    internal StageProbe? Probe { get; }

    internal IUnitMessage? Message { get; }

    internal long WaitedTicks { get; private set; }

    /// <summary>Null where it has not waited, or nobody asks when.</summary>
    internal List<(long Start, long End)>? Waits { get; private set; }

    /// <summary>
    /// Awaits something from outside the graph, however long it takes, and books the time as waiting, not as work. A lease of a pool may be
    /// awaited so too.
    /// </summary>
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
            EndWait(start);
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
            EndWait(start);
        }
    }

    /// <summary>
    /// Awaits what only another stage of the same graph can give: a version, a turn, a result. Where every stage waits so, the graph stands
    /// still for ever, and after <see cref="GraphRunOptions.StallTimeout"/> the run fails.
    /// </summary>
    public async ValueTask<T> WaitForGraph<T>(ValueTask<T> wait)
    {
        if (wait.IsCompletedSuccessfully) return wait.Result;
        using var mark = new GraphWait(Probe);
        return await WaitFor(wait).ConfigureAwait(false);
    }

    /// <inheritdoc cref="WaitForGraph{T}(ValueTask{T})"/>
    public async ValueTask WaitForGraph(ValueTask wait)
    {
        if (wait.IsCompletedSuccessfully) return;
        using var mark = new GraphWait(Probe);
        await WaitFor(wait).ConfigureAwait(false);
    }

    private void EndWait(long start)
    {
        var end = _time.GetTimestamp();
        WaitedTicks += end - start;
        if (Probe is { TellsSpans: true }) (Waits ??= []).Add((start, end));
    }

    /// <summary>The calling body, if there is one, waits for the graph until the mark is disposed. For pools.</summary>
    internal static GraphWait BeginGraphWait() => new(Current?.Probe);

    internal readonly struct GraphWait : IDisposable
    {
        private readonly StageProbe? _probe;

        public GraphWait(StageProbe? probe)
        {
            _probe = probe;
            _probe?.AddWorking(-1);
        }

        public void Dispose() => _probe?.AddWorking(1);
    }
}
