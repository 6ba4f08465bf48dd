using System.Threading.Tasks.Dataflow;

namespace Horizon.Flow.Graph;

/// <summary>A bounded, ordered Dataflow target around one asynchronous function: the end of a line.</summary>
/// <remarks>
/// <para>Takes: messages of <typeparamref name="TIn"/>. Gives: nothing.</para>
/// <para>Waits when: it holds <see cref="StageOptions.Capacity"/> messages. Completes when: told to, after its last message.</para>
/// <para>On fault: as <see cref="StageBlock{TIn,TOut}"/>. Owns: nothing.</para>
/// </remarks>
/// <typeparam name="TIn">What comes in.</typeparam>
public class StageSink<TIn> : ITargetBlock<TIn>
{
    private readonly ActionBlock<TIn> _inner;

    /// <summary>Creates the sink.</summary>
    public StageSink(StageOptions options, Func<TIn, StageCall, ValueTask> body)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(body);
        Options = options;
        _inner = new ActionBlock<TIn>(
            input => StageRunner.RunAsync(options, input, async (message, call) =>
            {
                await body(message, call).ConfigureAwait(false);
                return true;
            }),
            options.ToDataflow());
    }

    /// <summary>What the stage was built with.</summary>
    public StageOptions Options { get; }

    /// <inheritdoc/>
    public Task Completion => _inner.Completion;

    /// <inheritdoc/>
    public void Complete() => _inner.Complete();

    void IDataflowBlock.Fault(Exception exception) => ((IDataflowBlock)_inner).Fault(exception);

    DataflowMessageStatus ITargetBlock<TIn>.OfferMessage(
        DataflowMessageHeader messageHeader, TIn messageValue, ISourceBlock<TIn>? source, bool consumeToAccept) =>
        ((ITargetBlock<TIn>)_inner).OfferMessage(messageHeader, messageValue, source, consumeToAccept);
}
