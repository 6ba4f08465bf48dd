using System.Threading.Channels;

namespace Horizon.Flow.Graph;

/// <summary>
/// Watches an edge without changing it. On the edge itself only <c>look</c> runs, which copies what is wanted; <c>watch</c> runs beside the
/// graph. What it cannot keep up with is left out and counted, or the edge waits for it, as the tap is told.
/// </summary>
/// <remarks>
/// <para>Takes and gives: the same messages.</para>
/// <para>Waits when: it was told to, and <c>watch</c> has a full queue before it; else never by itself.</para>
/// <para>Completes when: told to, and everything seen was watched. When the run stops, what is still in the queue is left out and counted.</para>
/// <para>On fault: an exception of <c>look</c> or <c>watch</c> stops the run like that of any stage. Owns: its queue.</para>
/// </remarks>
/// <typeparam name="TMessage">What flows on the edge.</typeparam>
/// <typeparam name="TSeen">What is taken from a message.</typeparam>
public sealed class TapBlock<TMessage, TSeen> : StageBlock<TMessage, TMessage>, IWatching, IStageValue<TapCounts>
    where TMessage : class
{
    private readonly SeenQueue _seen;
    private long _watched;

    /// <summary>Creates the tap.</summary>
    /// <param name="options">Bounds.</param>
    /// <param name="look">Runs on the edge: copies what is wanted from the message, whose buffers are gone later.</param>
    /// <param name="watch">Runs beside the graph, in order.</param>
    /// <param name="queue">How many looks may wait for <paramref name="watch"/>.</param>
    /// <param name="waits">Whether the edge waits for a place in the queue, so that nothing is left out.</param>
    public TapBlock(StageOptions options, Func<TMessage, TSeen> look, Action<TSeen> watch, int queue = 1024, bool waits = false)
        : this(options, look, watch, new SeenQueue(queue, waits, options?.Probe))
    {
    }

    private TapBlock(StageOptions options, Func<TMessage, TSeen> look, Action<TSeen> watch, SeenQueue seen)
        : base(options, async (message, call) =>
        {
            await call.WaitFor(seen.OfferAsync(look(message), call.Cancellation)).ConfigureAwait(false);
            return message;
        })
    {
        ArgumentNullException.ThrowIfNull(look);
        ArgumentNullException.ThrowIfNull(watch);
        _seen = seen;
        Watching = WatchAsync(watch);
        base.Completion.ContinueWith(_ => seen.Close(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <inheritdoc/>
    public override Task Completion => Task.WhenAll(base.Completion, Watching);

    /// <summary>Ends when everything seen has been watched.</summary>
    public Task Watching { get; }

    /// <summary>How many messages passed unseen because <c>watch</c> was slow, or the run was stopped.</summary>
    public long Missed => _seen.Missed;

    TapCounts IStageValue<TapCounts>.Value => new(Interlocked.Read(ref _watched), Missed);

    bool IWatching.IsThrough => base.Completion.IsCompleted;

    long IWatching.Watched => Interlocked.Read(ref _watched);

    private async Task WatchAsync(Action<TSeen> watch)
    {
        try
        {
            await foreach (var seen in _seen.ReadAllAsync().ConfigureAwait(false))
            {
                if (Options.Cancellation.IsCancellationRequested)
                {
                    _seen.AddMissed();
                    continue;
                }

                watch(seen);
                Interlocked.Increment(ref _watched);
            }
        }
        catch (Exception cause)
        {
            _seen.Close(cause);
            Options.OnFault?.Invoke(StageException.InForeignBlock(Options.Name, null, cause));
        }
    }

    private sealed class SeenQueue(int capacity, bool waits, StageProbe? probe)
    {
        private readonly Channel<TSeen> _channel = Channel.CreateBounded<TSeen>(capacity);
        private long _missed;

        public long Missed => Interlocked.Read(ref _missed);

        public ValueTask OfferAsync(TSeen seen, CancellationToken cancellation)
        {
            if (waits) return _channel.Writer.WriteAsync(seen, cancellation);
            if (!_channel.Writer.TryWrite(seen)) AddMissed();
            return ValueTask.CompletedTask;
        }

        public void AddMissed()
        {
            Interlocked.Increment(ref _missed);
            probe?.AddMissed();
        }

        public void Close(Exception? cause = null) => _channel.Writer.TryComplete(cause);

        public IAsyncEnumerable<TSeen> ReadAllAsync() => _channel.Reader.ReadAllAsync();
    }
}
