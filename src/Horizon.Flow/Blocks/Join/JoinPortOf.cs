using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>A port. It holds as many messages as the pools allow: one work, and no more gradients or losses than there are buffers for them.</summary>
internal sealed class JoinPort<TMessage>(CancellationToken cancellation) : JoinPort
    where TMessage : class
{
    private readonly BufferBlock<TMessage> _block = new(new DataflowBlockOptions { CancellationToken = cancellation });

    public ISourceBlock<TMessage> Source => _block;

    public override Task Completion => _block.Completion;

    public override void Send(UnitMessage message) => _ = _block.SendAsync((TMessage)(object)message);

    public override void Complete() => _block.Complete();

    public override void Fault(Exception fault) => ((IDataflowBlock)_block).Fault(fault);
}
