using System.Threading.Tasks.Dataflow;

namespace Horizon.Flow.Graph.Tests;

/// <summary>Facts of TPL Dataflow that the design rests on. If one of these fails after an update of .NET, read Stages/ and Running/ again.</summary>
public class AssumptionTests
{
    [Fact]
    public async Task BoundedCapacity_CountsQueuedRunningAndUnreadTogether()
    {
        var block = new TransformBlock<int, int>(x => x, new ExecutionDataflowBlockOptions { BoundedCapacity = 2 });
        Assert.True(block.Post(1));
        Assert.True(block.Post(2));
        await block.OutputAvailableAsync();
        Assert.False(block.Post(3));
    }

    [Fact]
    public async Task LinkTo_DoesNotPropagateCompletionUnlessAsked()
    {
        var source = new BufferBlock<int>();
        var target = new BufferBlock<int>();
        source.LinkTo(target);
        source.Complete();
        await source.Completion;
        Assert.False(target.Completion.IsCompleted);
    }

    [Fact]
    public async Task Transform_ThatThrowsOperationCanceled_DropsTheMessageSilently()
    {
        var block = new TransformBlock<int, int>(x => x == 1 ? throw new OperationCanceledException() : x);
        for (var i = 0; i < 4; i++) block.Post(i);
        block.Complete();
        var seen = new List<int>();
        while (await block.OutputAvailableAsync()) seen.Add(await block.ReceiveAsync());
        await block.Completion;
        Assert.Equal([0, 2, 3], seen);
    }

    [Fact]
    public async Task FaultedBlock_DropsItsMessagesUndisposed()
    {
        var disposed = 0;
        var block = new TransformBlock<Action, Action>(x => x, new ExecutionDataflowBlockOptions { BoundedCapacity = 4 });
        block.Post(() => disposed++);
        block.Post(() => disposed++);
        await block.OutputAvailableAsync();
        ((IDataflowBlock)block).Fault(new InvalidOperationException());
        await Assert.ThrowsAsync<InvalidOperationException>(() => block.Completion);
        Assert.False(block.TryReceive(out _));
        Assert.Equal(0, disposed);
    }
}
