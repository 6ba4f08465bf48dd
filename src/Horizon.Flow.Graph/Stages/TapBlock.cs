using System.Threading.Channels;

namespace Horizon.Flow.Graph;

/// <summary>
/// Watches an edge without slowing or changing it. On the edge itself only <c>look</c> runs, which copies what is wanted; <c>watch</c>
/// runs beside the graph, and what it cannot keep up with is left out and counted.
/// </summary>
/// <remarks>
/// <para>Takes and gives: the same messages. Waits when: never by itself. Completes when: told to, and everything seen was watched.</para>
/// <para>On fault: an exception of <c>look</c> or <c>watch</c> stops the run like that of any stage. Owns: its queue.</para>
/// </remarks>
/// <typeparam name="TMessage">What flows on the edge.</typeparam>
/// <typeparam name="TSeen">What is taken from a message.</typeparam>
public sealed class TapBlock<TMessage, TSeen> : StageBlock<TMessage, TMessage>, IWatching
    where TMessage : class
{
    private readonly SeenQueue _seen;

    /// <summary>Creates the tap.</summary>
    /// <param name="options">Bounds.</param>
    /// <param name="look">Runs on the edge: copies what is wanted from the message, whose buffers are gone later.</param>
    /// <param name="watch">Runs beside the graph, in order.</param>
    /// <param name="queue">How many looks may wait for <paramref name="watch"/>.</param>
    public TapBlock(StageOptions options, Func<TMessage, TSeen> look, Action<TSeen> watch, int queue = 1024)
        : this(options, look, watch, new SeenQueue(queue))
    {
    }

    private TapBlock(StageOptions options, Func<TMessage, TSeen> look, Action<TSeen> watch, SeenQueue seen)
        : base(options, (message, _) =>
        {
            seen.Offer(look(message));
            return ValueTask.FromResult<TMessage?>(message);
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

    /// <summary>How many messages passed unseen because <c>watch</c> was slow.</summary>
    public long Missed => _seen.Missed;

    private async Task WatchAsync(Action<TSeen> watch)
    {
        try
        {
            await foreach (var seen in _seen.ReadAllAsync().ConfigureAwait(false)) watch(seen);
        }
        catch (Exception cause)
        {
            Options.OnFault?.Invoke(StageException.InForeignBlock(Options.Name, null, cause));
        }
    }

    private sealed class SeenQueue(int capacity)
    {
        private readonly Channel<TSeen> _channel = Channel.CreateBounded<TSeen>(capacity);
        private long _missed;

        public long Missed => Interlocked.Read(ref _missed);

        public void Offer(TSeen seen)
        {
            if (!_channel.Writer.TryWrite(seen)) Interlocked.Increment(ref _missed);
        }

        public void Close() => _channel.Writer.TryComplete();

        public IAsyncEnumerable<TSeen> ReadAllAsync() => _channel.Reader.ReadAllAsync();
    }
}
