using System.Threading.Tasks.Dataflow;
using BenchmarkDotNet.Attributes;
using Horizon.Flow.Graph;

namespace Horizon.Flow.Benchmarks;

/// <summary>One message through one block: a stock TransformBlock, ours, ours with a lease, and a tap.</summary>
[MemoryDiagnoser]
public class StageBenchmarks
{
    private const int Messages = 1000;
    private LeasePool<object> _pool = null!;

    [GlobalSetup]
    public void Setup() => _pool = new LeasePool<object>("bench", 2, () => new object());

    [GlobalCleanup]
    public void Cleanup() => _pool.Dispose();

    [Benchmark(Baseline = true, OperationsPerInvoke = Messages)]
    public Task StockTransformBlock() => DriveAsync(new TransformBlock<Message, Message>(message => message, new StageOptions { Capacity = 2 }.ToDataflow()));

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task Stage() => DriveAsync(new StageBlock<Message, Message>(
        new StageOptions { Capacity = 2, Probe = new StageProbe("bench") }, (message, _) => ValueTask.FromResult<Message?>(message)));

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task StageWithLease() => DriveAsync(new StageBlock<Message, Message>(
        new StageOptions { Capacity = 2, Probe = new StageProbe("bench") },
        async (message, call) =>
        {
            using var lease = await call.WaitFor(_pool.RentAsync(call.Cancellation));
            return message;
        }));

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task Tap() => DriveAsync(new TapBlock<Message, int>(
        new StageOptions { Capacity = 2, Probe = new StageProbe("bench") }, message => message.Number, _ => { }));

    private static async Task DriveAsync(IPropagatorBlock<Message, Message> block)
    {
        var end = new ActionBlock<Message>(_ => { }, new ExecutionDataflowBlockOptions { BoundedCapacity = 2 });
        block.LinkTo(end, new DataflowLinkOptions { PropagateCompletion = true });
        for (var number = 0; number < Messages; number++) await block.SendAsync(new Message(number));
        block.Complete();
        await end.Completion;
    }

    /// <summary>The smallest message.</summary>
    public sealed class Message(int number) : IUnitMessage
    {
        public int Number => number;

        public long Step => 1;

        public string UnitName => "unit";

        public long ReadyTimestamp { get; set; }
    }
}
