using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Testing;

/// <summary>The points of <see cref="StageContract"/>, each on a block of its own.</summary>
internal sealed class StageTrial<TIn, TOut>(Func<StageOptions, IPropagatorBlock<TIn, TOut>> create, StageContractOptions<TIn> options, IReadOnlyList<Func<TIn>> messages)
    where TIn : class
    where TOut : class
{
    private const string Name = "stage under test";

    public async Task GivesEveryMessageAndCompletesAsync()
    {
        StageException? told = null;
        var block = create(Options() with { OnFault = fault => told ??= fault });
        var outputs = Collect(block);
        var sent = messages.Select(make => make()).ToList();
        for (var i = 0; i < sent.Count; i++) await SendAsync(block, sent[i], i).ConfigureAwait(false);
        block.Complete();
        await EndAsync(block, "it was told to complete").ConfigureAwait(false);
        if (block.Completion.Exception is { } fault) throw new TestingException($"the block faulted where all is well: {(told ?? fault.InnerExceptions[0]).Message}", (Exception?)told ?? fault);
        TestingException.Require(block.Completion.IsCompletedSuccessfully, $"the block ended as {block.Completion.Status} where all is well");
        var given = await outputs().ConfigureAwait(false);
        var expected = options.Outputs(sent.Count);
        TestingException.Require(given.Count >= expected, $"the block gave {given.Count} messages for {sent.Count}, {expected} are expected: it has dropped one");
        TestingException.Require(given.Count == expected, $"the block gave {given.Count} messages for {sent.Count}, {expected} are expected: it has repeated one");
        if (given.Count == sent.Count) RequireOrder(sent, given);
        foreach (var message in given) GiveBack(message);
        RequireLeases("completed, and all that it gave was given back");
    }

    public async Task KeepsItsBoundAsync()
    {
        if (messages.Count < 2 || options.Outputs(messages.Count) != messages.Count) return; // who gives less may hold more
        var block = create(Options());
        var made = messages.Select(make => make()).ToList();
#pragma warning disable RS0030 // Whether a full block refuses is what is asked here.
        var taken = made.TakeWhile(block.Post).Count();
#pragma warning restore RS0030
        var outputs = Collect(block);
        block.Complete();
        await EndAsync(block, "it was told to complete").ConfigureAwait(false);
        foreach (var message in await outputs().ConfigureAwait(false)) GiveBack(message);
        foreach (var refused in made.Skip(taken)) GiveBack(refused);
        TestingException.Require(taken >= 1, $"the block takes no message at all");
        TestingException.Require(taken == 1, $"the block took {taken} messages while nobody took one from it, its capacity is 1; give it the bounds of its options, with ToDataflow() for a stock block");
        Reclaim();
    }

    public async Task EndsWhenCancelledAsync()
    {
        using var stop = new CancellationTokenSource();
        var block = create(Options() with { Cancellation = stop.Token });
        await SendAsync(block, messages[0](), 0).ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        Drain(block);
        await EndAsync(block, "its run was cancelled; let it and all that its body awaits have the options' token").ConfigureAwait(false);
        Reclaim();
    }

    public async Task EndsWhenFaultedAsync()
    {
        var block = create(Options());
        await SendAsync(block, messages[0](), 0).ConfigureAwait(false);
        block.Fault(new InvalidOperationException("planted"));
        Drain(block);
        await EndAsync(block, "it was faulted").ConfigureAwait(false);
        TestingException.Require(block.Completion.IsFaulted, $"the block was faulted and ended as {block.Completion.Status}: a graph would take that for success");
        Reclaim();
    }

    public async Task FaultsWhenItsBodyThrowsAsync()
    {
        if (options.Failing is not { } failing) return;
        StageException? told = null;
        var block = create(Options() with { OnFault = fault => told ??= fault });
        Drain(block);
        await SendAsync(block, failing(), 0).ConfigureAwait(false);
        block.Complete();
        await EndAsync(block, "its body threw").ConfigureAwait(false);
        TestingException.Require(block.Completion.IsFaulted, $"the body threw and the block ended as {block.Completion.Status}: the message is lost without a word");
        TestingException.Require(told is null || told.Stage == Name, $"the fault names stage '{told?.Stage}', the options say '{Name}'");
        Reclaim();
    }

    private static void Drain(ISourceBlock<TOut> block) => block.LinkTo(DataflowBlock.NullTarget<TOut>(), new DataflowLinkOptions());

    // What came, once the block has ended.
    private static Func<Task<List<TOut>>> Collect(ISourceBlock<TOut> block)
    {
        var given = new List<TOut>();
        var collector = new ActionBlock<TOut>(given.Add);
        block.LinkTo(collector, new DataflowLinkOptions());
        return async () =>
        {
            collector.Complete();
            await collector.Completion.ConfigureAwait(false);
            return given;
        };
    }

    private static void RequireOrder(List<TIn> sent, List<TOut> given)
    {
        for (var i = 0; i < sent.Count; i++)
            if (sent[i] is UnitMessage before && given[i] is UnitMessage after)
                TestingException.Require(before.Visit == after.Visit, $"message {i} was of {before.Visit}, what came out in its place is of {after.Visit}: the block changes the order");
    }

    private StageOptions Options() => new() { Name = Name, Capacity = 1, Scheduler = options.Scheduler };

    private async Task SendAsync(ITargetBlock<TIn> block, TIn message, int number)
    {
        try
        {
            if (await block.SendAsync(message).WaitAsync(options.Bound).ConfigureAwait(false)) return;
        }
        catch (TimeoutException)
        {
            throw new TestingException($"the block has not taken message {number} within {options.Bound}, though its outputs are taken");
        }

        if (block.Completion.Exception is { } fault) throw new TestingException($"the block faulted: {fault.InnerExceptions[0].Message}", fault);
        throw new TestingException($"the block refuses message {number}");
    }

    private async Task EndAsync(IDataflowBlock block, string after)
    {
        try
        {
            await block.Completion.WaitAsync(options.Bound).ConfigureAwait(false);
        }
        catch (TimeoutException) when (!block.Completion.IsCompleted)
        {
            throw new TestingException($"the block has not ended within {options.Bound} after {after}");
        }
        catch (Exception) when (block.Completion.IsCompleted)
        {
            return; // how it ended is looked at next
        }
    }

    private void GiveBack(object message)
    {
        switch (message)
        {
            case HostGradient gradient: gradient.Slab.Dispose(); break;
            case DeviceGradient gradient: gradient.Gradient.Dispose(); break;
            case DeviceUnit unit: unit.Weights.Dispose(); break;
            case DeviceLoss loss: loss.Cell.Dispose(); break;
            case DeviceResult result: result.Numbers.Dispose(); break;
            case HostUnit unit: unit.Release?.Dispose(); break;
        }

        options.GiveBack?.Invoke(message);
    }

    private void RequireLeases(string when)
    {
        foreach (var pool in options.Pools)
            TestingException.Require(pool.Outstanding == 0, $"{pool.Outstanding} leases of '{pool.Name}' are out after the block has {when}: give each on with a message, or back");
    }

    // After a stop it is the pools that take back what was dropped.
    private void Reclaim()
    {
        foreach (var pool in options.Pools) pool.Reclaim();
    }
}
