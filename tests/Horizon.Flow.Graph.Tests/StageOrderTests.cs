using System.Threading.Tasks.Dataflow;
using FsCheck;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Graph.Tests;

/// <summary>A stage that takes those that wait in an order of its own.</summary>
public class StageOrderTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private static readonly IComparer<Work> ByStep = Comparer<Work>.Create((one, other) => one.Step.CompareTo(other.Step));

    /// <summary>All wait before the first is taken: they go by the order, and equal ones as they came.</summary>
    [Cases(50)]
    public async Task Messages_ThatWait_GoByTheOrder(byte[] steps)
    {
        var messages = steps.Select((step, i) => new Work(step % 4, i)).ToArray();
        var given = await RunAsync(messages, capacity: messages.Length + 1, held: true);
        Assert.Equal(messages.OrderBy(message => message.Step).Select(message => message.Number), given);
    }

    /// <summary>Each is taken once, whoever is first and however few the stage holds.</summary>
    [Cases(50)]
    public async Task Messages_InAnyNumber_AreTakenOnce(byte[] steps, PositiveInt capacity)
    {
        var messages = steps.Select((step, i) => new Work(step, i)).ToArray();
        Assert.Equal(messages.Select(message => message.Number), (await RunAsync(messages, 1 + (capacity.Get % 5), held: false)).Order());
    }

    /// <summary>A body that throws ends the stage and what stands before it: nobody waits for ever for a place.</summary>
    [Fact]
    public async Task Fault_OfTheBody_EndsTheStage()
    {
        var stage = new StageBlock<Work, Work>(new StageOptions { Capacity = 3 }, Throw, ByStep);
        for (var sent = true; sent;) sent = await stage.SendAsync(new Work(1, 0)).WaitAsync(Bound);
        var fault = await Assert.ThrowsAsync<StageException>(() => stage.Completion.WaitAsync(Bound));
        Assert.Equal("unit 0", fault.UnitName);

        static ValueTask<IReadOnlyList<Work>> Throw(Work work, StageCall call) => throw new InvalidOperationException("planted");
    }

    private static async Task<List<int>> RunAsync(IReadOnlyList<Work> messages, int capacity, bool held)
    {
        var turns = new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler;
        using var begin = new ManualResetEventSlim(!held);
        _ = Task.Factory.StartNew(() => begin.Wait(Bound), CancellationToken.None, TaskCreationOptions.None, turns);
        var stage = new StageBlock<Work, Work>(
            new StageOptions { Capacity = capacity, Scheduler = turns }, (work, _) => ValueTask.FromResult<IReadOnlyList<Work>>([work]), ByStep);
        var given = new List<int>();
        var end = new ActionBlock<Work>(work => given.Add(work.Number));
        stage.LinkTo(end, new DataflowLinkOptions { PropagateCompletion = true });
        foreach (var message in messages) Assert.True(await stage.SendAsync(message).WaitAsync(Bound));
        stage.Complete();
        begin.Set();
        await end.Completion.WaitAsync(Bound);
        return given;
    }
}
