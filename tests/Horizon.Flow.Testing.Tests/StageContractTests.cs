using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Blocks;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;

namespace Horizon.Flow.Testing.Tests;

/// <summary>Default stages and stock blocks keep the contract; a block that breaks a point of it is told which.</summary>
public sealed class StageContractTests : IDisposable
{
    private readonly StageBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public Task Fetch_KeepsTheContract() =>
        Check<LoadRequest, HostUnit>(stage => new FetchBlock([_bench.Store], stage), unit => _bench.Load(unit), failing: () => _bench.Load(0, version: -1));

    [Fact]
    public Task Upload_KeepsTheContract() => Check<HostUnit, DeviceUnit>(stage => new UploadBlock(_bench.Slots, _bench.Device, stage), unit => _bench.HostUnit(unit), failing: () => null!);

    [Fact]
    public Task Download_KeepsTheContract() => Check<DeviceGradient, HostGradient>(
        stage => new DownloadBlock(_bench.Slabs, _bench.Device, ElementType.Float32, stage), unit => _bench.DeviceGradient(unit), failing: Returned(() => _bench.DeviceGradient(0), gradient => gradient.Gradient));

    [Fact]
    public async Task Accumulate_KeepsTheContract()
    {
        using var none = SlabPool.PerUnit("accumulators", _bench.Device, [.. _bench.Plan.Model.Units.Select(_ => (long?)null)]);
        await Check<HostGradient, HostGradient>(
            stage => new AccumulateBlock(none, _bench.Workers, stage), unit => _bench.HostGradient(unit + 1), failing: () => _bench.HostGradient(0)); // tied: two gradients and nothing that sums them
    }

    [Fact]
    public Task Losses_KeepsTheContract() => Check<DeviceLoss, StepLosses>(
        stage => new LossesBlock(_bench.Device, stage), message => _bench.DeviceLoss(step: message + 1), failing: Returned(() => _bench.DeviceLoss(), loss => loss.Cell));

    [Fact]
    public Task Results_KeepsTheContract() => Check<DeviceResult, HostResult>(
        stage => new ResultsBlock(_bench.Device, stage), message => _bench.DeviceResult(message, 2), failing: () => null!);

    [Fact]
    public Task Collect_KeepsTheContract() => Check<HostGradient, CollectedGradient>(
        stage => new CollectBlock(_bench.Workers, stage), unit => _bench.HostGradient(unit), failing: Returned(() => _bench.HostGradient(0), gradient => gradient.Slab));

    [Fact]
    public Task Clip_KeepsTheContract() => StageContract.CheckAsync(
        stage => new ClipBlock(null, stage),
        new StageContractOptions<StepMessage> { Pools = _bench.Pools, Outputs = messages => messages - 1, Failing = () => _bench.Updated(0) },
        () => _bench.Losses(), () => _bench.HostGradient(0), () => _bench.HostGradient(1));

    [Fact]
    public Task Update_KeepsTheContract() => Check<HostGradient, UnitUpdated>(
        stage => new UpdateBlock(_bench.Store, _bench.Plan.Options.Optimizer, _bench.Workers, stage), unit => _bench.HostGradient(unit), failing: () => _bench.HostGradient(0, step: 0));

    [Fact]
    public async Task Commit_KeepsTheContract()
    {
        var stores = new List<ParameterStore>();
        await Check<UnitUpdated, UnitUpdated>(
            stage =>
            {
                stores.Add(_bench.Training.CreateStore(_bench.Plan));
                stores[^1].Begin(1);
                return new CommitBlock(stores[^1], stage);
            },
            unit => _bench.Updated(unit),
            failing: () => null!);
        foreach (var store in stores) store.Dispose();
    }

    [Fact]
    public Task Tap_KeepsTheContract() => Check<UnitUpdated, UnitUpdated>(
        stage => new TapBlock<UnitUpdated, string>(stage, updated => updated.UnitName, _ => { }), unit => _bench.Updated(unit), failing: null);

    [Fact]
    public Task StockBlock_KeepsTheContract() => Check<HostGradient, HostGradient>(
        stage => new TransformBlock<HostGradient, HostGradient>(Halve, stage.ToDataflow()), unit => _bench.HostGradient(unit), Returned(() => _bench.HostGradient(0), gradient => gradient.Slab));

    [Fact]
    public Task Drops_IsTold() => Breaks("gave 1 messages for 2, 2 are expected: it has dropped one", stage => new StageBlock<HostGradient, HostGradient>(stage, gradient => gradient.Visit.Unit == 0 ? null : gradient));

    [Fact]
    public Task Repeats_IsTold() => Breaks(
        "gave 3 messages for 2, 2 are expected: it has repeated one",
        stage => new StageBlock<HostGradient, HostGradient>(stage, (gradient, _) => ValueTask.FromResult<IReadOnlyList<HostGradient>>(gradient.Visit.Unit == 0 ? [gradient, gradient] : [gradient])));

    [Fact]
    public Task Unbounded_IsTold() => Breaks("took 2 messages while nobody took one from it, its capacity is 1", _ => new TransformBlock<HostGradient, HostGradient>(Halve));

    [Fact]
    public Task ChangesTheOrder_IsTold() => Breaks("the block changes the order", stage =>
    {
        HostGradient? first = null;
        return new StageBlock<HostGradient, HostGradient>(stage, (gradient, _) =>
        {
            if (first is { } earlier) return ValueTask.FromResult<IReadOnlyList<HostGradient>>([gradient, earlier]);
            first = gradient;
            return ValueTask.FromResult<IReadOnlyList<HostGradient>>([]);
        });
    });

    [Fact]
    public Task KeepsALease_IsTold() => Breaks("2 leases of 'slabs' are out after the block has completed", stage => new StageBlock<HostGradient, HostGradient>(stage, async (gradient, call) =>
    {
        await _bench.Slabs.RentAsync(gradient.Visit.Unit, call.Cancellation);
        return gradient;
    }));

    [Fact]
    public Task NeverCompletes_IsTold() => Breaks("the block has not ended within", stage =>
    {
        var inner = new TransformBlock<HostGradient, HostGradient>(Halve, stage.ToDataflow());
        return DataflowBlock.Encapsulate(new Deaf<HostGradient>(inner), inner);
    }, TimeSpan.FromSeconds(1));

    [Fact]
    public Task DoesNotHearTheRunsToken_IsTold() => Breaks("after its run was cancelled", stage =>
        new TransformBlock<HostGradient, HostGradient>(Halve, new ExecutionDataflowBlockOptions { BoundedCapacity = stage.Capacity }), TimeSpan.FromSeconds(10));

    [Fact]
    public Task SwallowsWhatItsBodyThrows_IsTold() => Breaks(
        "the body threw and the block ended as RanToCompletion: the message is lost without a word",
        stage => new TransformBlock<HostGradient, HostGradient>(gradient => gradient.Slab.IsReturned ? throw new OperationCanceledException() : gradient, stage.ToDataflow()));

    [Fact]
    public Task Compute_AStockForward_KeepsTheTrainingContract() => TrainingContract.CheckAsync(
        plan => plan.At(Stages.Forward).Replace((_, stage) => new TransformBlock<ForwardWork, Computed>(
            work => work.Give(work.Template.Forward(work.Parameters!, work.Input, work.Batch)), stage.ToDataflow())),
        keepsBits: true);

    [Fact]
    public async Task Compute_OtherBits_IsTold()
    {
        var error = await Assert.ThrowsAsync<TestingException>(() => TrainingContract.CheckAsync(
            plan => plan.At(Stages.Forward).InsertAfter("double", computed => computed.With(computed.Output!.Times(2))), keepsBits: true));
        Assert.Contains("not those of the default plan", error.Message, StringComparison.Ordinal);
    }

    private static HostGradient Halve(HostGradient gradient)
    {
        foreach (ref var value in gradient.Floats(0, (int)gradient.Layout.ElementCount)) value /= 2;
        return gradient;
    }

    private static Func<T> Returned<T>(Func<T> make, Func<T, IDisposable> lease) => () =>
    {
        var message = make();
        lease(message).Dispose();
        return message;
    };

    private Task Check<TIn, TOut>(Func<StageOptions, IPropagatorBlock<TIn, TOut>> create, Func<int, TIn> message, Func<TIn>? failing)
        where TIn : class
        where TOut : class =>
        StageContract.CheckAsync(create, new StageContractOptions<TIn> { Pools = _bench.Pools, Failing = failing }, () => message(0), () => message(1));

    // What comes to an end must do so within the bound however loaded the machine is; what does not takes as long as the bound.
    private async Task Breaks(string message, Func<StageOptions, IPropagatorBlock<HostGradient, HostGradient>> create, TimeSpan? bound = null)
    {
        var options = new StageContractOptions<HostGradient> { Pools = _bench.Pools, Bound = bound ?? TimeSpan.FromMinutes(1), Failing = Returned(() => _bench.HostGradient(0), gradient => gradient.Slab) };
        var error = await Assert.ThrowsAsync<TestingException>(() => StageContract.CheckAsync(create, options, () => _bench.HostGradient(0), () => _bench.HostGradient(1)));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    /// <summary>Does not hear that nothing more comes.</summary>
    private sealed class Deaf<T>(ITargetBlock<T> inner) : ITargetBlock<T>
    {
        public Task Completion => inner.Completion;

        public void Complete()
        {
        }

        public void Fault(Exception exception) => inner.Fault(exception);

        public DataflowMessageStatus OfferMessage(DataflowMessageHeader messageHeader, T messageValue, ISourceBlock<T>? source, bool consumeToAccept) =>
            inner.OfferMessage(messageHeader, messageValue, source, consumeToAccept);
    }
}
