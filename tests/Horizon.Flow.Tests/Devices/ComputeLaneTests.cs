using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Devices;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Devices;

public sealed class ComputeLaneTests : IDisposable
{
    private readonly ComputeLane _lane = new("test lane");

    public void Dispose() => _lane.Dispose();

    [Cases(30)]
    public void RunAsync_ManyCallers_KeepsEachCallersOrderOnOneThread(byte callers, byte bodies)
    {
        var seen = new List<(int Caller, int Body, int Thread)>(); // touched by the lane alone
        var tasks = Enumerable.Range(0, callers % 8 + 1).Select(caller => Task.Run(() => Task.WhenAll(
            Enumerable.Range(0, bodies).Select(body => _lane.RunAsync(() => seen.Add((caller, body, Environment.CurrentManagedThreadId)))))));
        Task.WhenAll(tasks).GetAwaiter().GetResult();

        Assert.Equal((callers % 8 + 1) * bodies, seen.Count);
        Assert.True(seen.Select(entry => entry.Thread).Distinct().Count() <= 1);
        Assert.All(seen.GroupBy(entry => entry.Caller), own => Assert.Equal(Enumerable.Range(0, bodies), own.Select(entry => entry.Body)));
    }

    [Fact]
    public async Task RunAsync_GradMode_IsOffAndDoesNotLeakToTheNextBody()
    {
        Assert.False(await _lane.RunAsync(is_grad_enabled));
        await _lane.RunAsync(() => { set_grad_enabled(true); });
        Assert.False(await _lane.RunAsync(is_grad_enabled));
        Assert.True(await Task.Run(is_grad_enabled));
    }

    [Fact]
    public async Task RunAsync_Tensors_DieUnlessDetached()
    {
        Tensor? temporary = null;
        using var kept = await _lane.RunAsync(() =>
        {
            temporary = ones(3);
            return temporary.Times(2).DetachFromDisposeScope();
        });
        Assert.True(temporary!.IsInvalid);
        Assert.Equal(6f, kept.sum().item<float>());
    }

    [Fact]
    public async Task RunAsync_BodyThrows_TheTaskDoesAndTheLaneGoesOn()
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => _lane.RunAsync(() => throw new InvalidOperationException("mine")));
        Assert.Equal("mine", error.Message);
        Assert.Equal(4, await _lane.RunAsync(() => 2 + 2));
    }

    [Fact]
    public async Task RunAsync_CancelledBeforeItsTurn_NeverRuns()
    {
        using var cancel = new CancellationTokenSource();
        using var hold = new ManualResetEventSlim();
        var ran = false;
        var first = _lane.RunAsync(hold.Wait);
        var second = _lane.RunAsync(() => ran = true, cancel.Token);
        await cancel.CancelAsync();
        hold.Set();
        await first;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _lane.RunAsync(() => ran = true, cancel.Token));
        Assert.False(ran);
    }

    [Fact]
    public async Task RunAsync_FromTheLane_RunsAtOnce()
    {
        var order = new List<string>();
        await _lane.RunAsync(() =>
        {
            _lane.RunAsync(() => order.Add("inner")).Wait();
            order.Add("outer");
        });
        Assert.Equal(["inner", "outer"], order);
    }

    [Fact]
    public async Task RunAsync_Awaited_GoesOnOffTheLane()
    {
        for (var i = 0; i < 100; i++) Assert.False(await IsOnTheLaneAfterABody());

        async Task<bool> IsOnTheLaneAfterABody()
        {
            await _lane.RunAsync(() => { }).ConfigureAwait(false);
            return _lane.IsCurrent;
        }
    }

    [Fact]
    public async Task Scheduler_OfADataflowBlock_RunsItOnTheLaneWithoutGradients()
    {
        var block = new TransformBlock<int, (bool OnLane, bool Gradients)>(
            _ => (_lane.IsCurrent, is_grad_enabled()), new ExecutionDataflowBlockOptions { TaskScheduler = _lane });
        block.Post(1);
        Assert.Equal((true, false), await block.ReceiveAsync());
    }

    [Fact]
    public async Task Dispose_WorkInTheQueue_RunsFirstAndNothingAfter()
    {
        var lane = new ComputeLane("short lane");
        var count = 0;
        var queued = Enumerable.Range(0, 20).Select(_ => lane.RunAsync(() => count++)).ToList();
        lane.Dispose();
        await Task.WhenAll(queued);
        Assert.Equal(20, count);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => lane.RunAsync(() => count++));
        lane.Dispose();
    }
}
