using System.Threading.Tasks.Dataflow;

namespace Horizon.Flow.Graph;

/// <summary>
/// A bounded, ordered Dataflow block around one asynchronous function: the base of every stage, and the short way to write your own.
/// </summary>
/// <remarks>
/// <para>Takes: messages of <typeparamref name="TIn"/>.</para>
/// <para>Gives: for each message none, one or several of <typeparamref name="TOut"/>, in the order of the inputs, or in one that it was given.</para>
/// <para>Waits when: it holds <see cref="StageOptions.Capacity"/> messages, or its body waits.</para>
/// <para>Completes when: it was told to and everything was taken from it.</para>
/// <para>On fault: the first exception, wrapped in a <see cref="StageException"/>, goes to <see cref="StageOptions.OnFault"/> and to
/// <see cref="Completion"/>; messages still inside are dropped, their leases are reclaimed by their pools.</para>
/// <para>Owns: nothing.</para>
/// </remarks>
/// <typeparam name="TIn">What comes in.</typeparam>
/// <typeparam name="TOut">What goes out.</typeparam>
public class StageBlock<TIn, TOut> : IPropagatorBlock<TIn, TOut>, IReceivableSourceBlock<TOut>
    where TOut : class
{
    private readonly TransformManyBlock<TIn, TOut> _inner;
    private readonly ITargetBlock<TIn> _first;

    /// <summary>A stage that gives one message, or none (null), for each.</summary>
    public StageBlock(StageOptions options, Func<TIn, StageCall, ValueTask<TOut?>> body)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(body);
        Options = options;
        _inner = new TransformManyBlock<TIn, TOut>(
            async input =>
            {
                var output = await StageRunner.RunAsync(options, input, body).ConfigureAwait(false);
                if (output is null) return [];
                StageRunner.Stamp(options, output);
                return [output];
            },
            options.ToDataflow());
        _first = _inner;
    }

    /// <summary>A stage whose body waits for nothing and gives one message, or none (null), for each: for bodies that compute.</summary>
    public StageBlock(StageOptions options, Func<TIn, TOut?> body)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(body);
        Options = options;
        _inner = new TransformManyBlock<TIn, TOut>(
            input =>
            {
                var output = StageRunner.Run(options, input, body);
                if (output is null) return [];
                StageRunner.Stamp(options, output);
                return (IEnumerable<TOut>)[output];
            },
            options.ToDataflow());
        _first = _inner;
    }

    /// <summary>A stage that gives any number of messages for each.</summary>
    /// <param name="options">Bounds.</param>
    /// <param name="body">What it does with a message.</param>
    /// <param name="order">Which of the messages that wait is taken next, the least; null for the order in which they came.</param>
    public StageBlock(StageOptions options, Func<TIn, StageCall, ValueTask<IReadOnlyList<TOut>>> body, IComparer<TIn>? order = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(body);
        Options = options;
        var waiting = order is null || options.Capacity <= options.Parallelism ? null : new WaitingMessages<TIn>(order);
        _inner = new TransformManyBlock<TIn, TOut>(
            async input =>
            {
                var next = waiting is null ? input : waiting.Take();
                var outputs = await StageRunner.RunAsync(options, next, body).ConfigureAwait(false);
                foreach (var output in outputs) StageRunner.Stamp(options, output);
                return outputs;
            },
            (waiting is null ? options : options with { Capacity = options.Parallelism }).ToDataflow());
        _first = waiting is null ? _inner : waiting.Before(_inner, options);
    }

    /// <summary>What the stage was built with.</summary>
    public StageOptions Options { get; }

    /// <inheritdoc/>
    public virtual Task Completion => _inner.Completion;

    /// <inheritdoc/>
    public void Complete() => _first.Complete();

    /// <inheritdoc/>
    public IDisposable LinkTo(ITargetBlock<TOut> target, DataflowLinkOptions linkOptions) => _inner.LinkTo(target, linkOptions);

    /// <inheritdoc/>
    public bool TryReceive(Predicate<TOut>? filter, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out TOut item) =>
        _inner.TryReceive(filter, out item);

    /// <inheritdoc/>
    public bool TryReceiveAll([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out IList<TOut>? items) => _inner.TryReceiveAll(out items);

    void IDataflowBlock.Fault(Exception exception) => _first.Fault(exception);

    DataflowMessageStatus ITargetBlock<TIn>.OfferMessage(
        DataflowMessageHeader messageHeader, TIn messageValue, ISourceBlock<TIn>? source, bool consumeToAccept) =>
        _first.OfferMessage(messageHeader, messageValue, source, consumeToAccept);

    TOut? ISourceBlock<TOut>.ConsumeMessage(DataflowMessageHeader messageHeader, ITargetBlock<TOut> target, out bool messageConsumed) =>
        ((ISourceBlock<TOut>)_inner).ConsumeMessage(messageHeader, target, out messageConsumed);

    bool ISourceBlock<TOut>.ReserveMessage(DataflowMessageHeader messageHeader, ITargetBlock<TOut> target) =>
        ((ISourceBlock<TOut>)_inner).ReserveMessage(messageHeader, target);

    void ISourceBlock<TOut>.ReleaseReservation(DataflowMessageHeader messageHeader, ITargetBlock<TOut> target) =>
        ((ISourceBlock<TOut>)_inner).ReleaseReservation(messageHeader, target);
}
