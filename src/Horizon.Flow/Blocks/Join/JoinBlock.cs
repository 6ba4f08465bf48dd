using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Activations;
using Horizon.Flow.Checks;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Blocks;

/// <summary>
/// The hub of the graph: owns every value of the programs in hand, from the visit that writes it to the visit that frees it. Releases a
/// visit when the one before has come back and its weights are there; rents what it writes into, in program order; lends all of it to the
/// stage that does the visit's operation; and sends gradients, losses and results on their ways.
/// </summary>
/// <remarks>
/// <para>Takes: <see cref="ProgramRun"/>, <see cref="DeviceUnit"/> in the order of the program's loads, <see cref="Computed"/>.</para>
/// <para>Gives, each through its port: works, <see cref="DeviceGradient"/>, <see cref="DeviceLoss"/>, <see cref="DeviceResult"/>.</para>
/// <para>Waits when: no gradient buffer, loss cell or rented place is free. All of these are refilled without it, so no wait points backwards.</para>
/// <para>Completes when: told to, after the last program. On fault: as any stage; what it owns is disposed with it.</para>
/// <para>Owns: all values and leases of the programs. One visit is in flight until it is launched; overlap comes from streams and fences.</para>
/// </remarks>
public sealed class JoinBlock : IPropagatorBlock<StepMessage, StepMessage>, IHub, IDisposable
{
    private readonly StageSink<StepMessage> _inbox;
    private readonly IComputeDevice _device;
    private readonly LeasePool<DeviceSlot> _gradients;
    private readonly LeasePool<LossCell> _losses;
    private readonly Func<string, ILeasePool> _pool;
    private readonly KeptValues _kept;
    private readonly StageOptions _options;
    private readonly Dictionary<Type, JoinPort> _ports = [];
    private readonly WrittenGradients _written = new();
    private readonly Queue<ProgramRun> _programs = [];
    private readonly Queue<DeviceUnit> _weights = [];
    private ProgramRun? _run;
    private UnitWork? _inFlight;
    private bool _ended;

    /// <summary>Creates the block.</summary>
    /// <param name="device">Where the visits compute; the block runs on its lane.</param>
    /// <param name="gradients">Device buffers for the gradients that go down.</param>
    /// <param name="losses">Losses on their way to the host.</param>
    /// <param name="pool">Finds the pool of a rented value by its name.</param>
    /// <param name="kept">Where values stay that live from program to program.</param>
    /// <param name="options">Bounds; the inbox itself never refuses, since all that comes in is bounded by pools.</param>
    public JoinBlock(IComputeDevice device, LeasePool<DeviceSlot> gradients, LeasePool<LossCell> losses, Func<string, ILeasePool> pool, KeptValues kept, StageOptions options)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(options);
        (_device, _gradients, _losses, _pool, _kept, _options) = (device, gradients, losses, pool, kept, options);
        _inbox = new StageSink<StepMessage>(options with { Capacity = int.MaxValue, Scheduler = device.Lane }, TakeAsync);
        Completion = EndAsync();
    }

    /// <inheritdoc/>
    public Task Completion { get; }

    /// <inheritdoc/>
    public string State => Volatile.Read(ref _inFlight) is { } work ? $"waits for '{work.Visit.Op}' to give back {work}"
        : Volatile.Read(ref _run) is { } run && run.Cursor < run.Visits.Count ? $"waits for the weights of {run.Visits[run.Cursor]}"
        : "waits for a program";

    /// <inheritdoc/>
    public ISourceBlock<TMessage> Port<TMessage>()
        where TMessage : class
    {
        if (!_ports.TryGetValue(typeof(TMessage), out var port)) _ports.Add(typeof(TMessage), port = new JoinPort<TMessage>(_options.Cancellation));
        return ((JoinPort<TMessage>)port).Source;
    }

    /// <summary>Says that no program comes any more.</summary>
    public void Complete() => _ = _inbox.SendAsync(End.Message);

    /// <summary>Disposes what a stopped run left here. On the lane, after everything has ended.</summary>
    public void Dispose()
    {
        foreach (var run in _run is null ? _programs : _programs.Prepend(_run))
        {
            foreach (var id in run.Program.Borrows) run.Values[id] = null;
            for (var id = run.Values.Length - 1; id >= 0; id--) Free(run, id, Fence.Completed);
            foreach (var batch in run.Batches) batch?.Dispose();
        }

        _run = null;
        _programs.Clear();
    }

    void IDataflowBlock.Fault(Exception exception) => ((IDataflowBlock)_inbox).Fault(exception);

    DataflowMessageStatus ITargetBlock<StepMessage>.OfferMessage(
        DataflowMessageHeader messageHeader, StepMessage messageValue, ISourceBlock<StepMessage>? source, bool consumeToAccept) =>
        ((ITargetBlock<StepMessage>)_inbox).OfferMessage(messageHeader, messageValue, source, consumeToAccept);

    IDisposable ISourceBlock<StepMessage>.LinkTo(ITargetBlock<StepMessage> target, DataflowLinkOptions linkOptions) => throw PortsOnly();

    StepMessage? ISourceBlock<StepMessage>.ConsumeMessage(DataflowMessageHeader messageHeader, ITargetBlock<StepMessage> target, out bool messageConsumed) => throw PortsOnly();

    bool ISourceBlock<StepMessage>.ReserveMessage(DataflowMessageHeader messageHeader, ITargetBlock<StepMessage> target) => throw PortsOnly();

    void ISourceBlock<StepMessage>.ReleaseReservation(DataflowMessageHeader messageHeader, ITargetBlock<StepMessage> target) => throw PortsOnly();

    private static NotSupportedException PortsOnly() => new($"join gives each type of message through a port; link {nameof(Port)}<T>()");

    // Awaits go on where they began, on the lane.
    private async ValueTask TakeAsync(StepMessage message, StageCall call)
    {
        switch (message)
        {
            case ProgramRun run: _programs.Enqueue(run); break;
            case DeviceUnit unit: _weights.Enqueue(unit); break;
            case Computed computed: Settle(computed); break;
            case End: _ended = true; break;
            case null: throw new InvalidOperationException($"nothing came back for {_inFlight}: a stage gave null");
            default: throw new InvalidOperationException($"join does not take {message}");
        }

        while (_inFlight is null && await ReleaseAsync(call).ConfigureAwait(true))
        {
        }

        if (_ended && _run is null && _programs.Count == 0) _inbox.Complete();
    }

    private void Settle(Computed computed)
    {
        var work = computed.Work;
        if (!ReferenceEquals(work, _inFlight)) throw new InvalidOperationException($"{work} came back twice, or out of turn");
        _inFlight = null;
        var (order, run, planned) = (work.Order, work.Order.Run, work.Visit.Planned);
        Store(run, planned, order.Rented, computed);
        if (planned.Op == Ops.Offload) run.Readers[planned.Reads[0]] = computed.Done;
        if (order.Loss is { } loss) Send(new DeviceLoss(work.Visit, loss, computed.Done));
        if (computed.Result is { } result) Send(new DeviceResult(work.Visit, result, computed.Done));
        if (planned.GivesGradient && order.Gradient is { } gradient) Send(new DeviceGradient(work.Visit, gradient) { Nonzero = computed.Nonzero });
        foreach (var id in planned.Frees) Free(run, id, computed.Done);
        if (run.IsLastOf(planned))
        {
            run.Batches[planned.MicroBatch]?.Dispose();
            run.Batches[planned.MicroBatch] = null;
        }

        if (run.Cursor < run.Visits.Count) return;
        foreach (var id in run.Program.Keeps)
        {
            _kept.Put(run.Program.Values[id].KeptAs!, (Tensor)run.Values[id]!);
            run.Values[id] = null;
        }

        _run = null;
        run.Ended.TrySetResult();
    }

    private static void Store(ProgramRun run, ProgramVisit planned, IReadOnlyList<IDisposable?> rented, Computed computed)
    {
        var given = 0;
        for (var i = 0; i < planned.Writes.Length; i++)
        {
            if (rented[i] is { } place) run.Values[planned.Writes[i]] = place;
            else if (given < computed.Values.Length) run.Values[planned.Writes[i]] = computed.Values[given++];
            else given++;
        }

        if (given != computed.Values.Length || planned.Writes.Any(id => run.Values[id] is null))
            throw new InvalidOperationException($"{computed.Visit} gave {computed.Values.Count(value => value is not null)} values, its program says {planned.Writes.Length - rented.Count(place => place is not null)}");
        if (planned.GivesResult && computed.Result is null) throw new InvalidOperationException($"{computed.Visit} gave no result, its program says that it does");
    }

    private async ValueTask<bool> ReleaseAsync(StageCall call)
    {
        if (_run is null && !Begin()) return false;
        var run = _run!;
        var visit = run.Visits[run.Cursor];
        var planned = visit.Planned;
        // Before the weights: while a step waits for its first unit's update, its tokens go up; making a large batch takes tens of milliseconds.
        run.Batches[planned.MicroBatch] ??= DeviceBatch.Of(run.MicroBatches[planned.MicroBatch], planned.MicroBatch, _device, run.Info);
        if (planned.Loads && !TakeWeights(run, visit)) return false;
        var rented = new IDisposable?[planned.Writes.Length];
        for (var i = 0; i < rented.Length; i++)
        {
            if (run.Program.Values[planned.Writes[i]].Pool is not { } pool) continue;
            rented[i] = await call.WaitFor(_pool(pool).RentAnyAsync(call.Cancellation)).ConfigureAwait(true);
            if (rented[i] is Lease<OffloadedInput> place) await call.WaitFor(place.Value.Fence.WaitAsync(call.Cancellation)).ConfigureAwait(true);
        }

        var gradient = planned.GivesGradient ? await call.WaitFor(_gradients.RentAsync(call.Cancellation)).ConfigureAwait(true)
            : planned.GradientTo is { } target ? (Lease<DeviceSlot>)rented[planned.Writes.IndexOf(target)]! : null;
        var loss = planned.GivesLoss ? await call.WaitFor(_losses.RentAsync(call.Cancellation)).ConfigureAwait(true) : null;
        run.Cursor++;
        run.Batches[planned.MicroBatch]!.Store = planned.Store;
        var order = new WorkOrder(
            run, visit, _device, run.Models[planned.Store], run.Batches[planned.MicroBatch]!,
            planned.Weights is { } weights ? (Lease<DeviceSlot>)run.Values[weights]! : null,
            [.. planned.Reads.Select(id => run.Values[id]!)], rented, gradient, loss, _written);
        Send(_inFlight = Make(order));
        return true;
    }

    private bool Begin()
    {
        if (!_programs.TryDequeue(out _run)) return false;
        foreach (var id in _run.Program.Borrows) _run.Values[id] = _kept.Get(_run.Program.Values[id].KeptAs!);
        return true;
    }

    private bool TakeWeights(ProgramRun run, UnitVisit visit)
    {
        if (run.Values[visit.Planned.Weights!.Value] is not null) return true;
        if (!_weights.TryDequeue(out var unit)) return false;
        if (!ReferenceEquals(unit.Visit, visit))
            throw new InvalidOperationException($"the weights for {unit.Visit} came where those for {visit} are next: a stage on their way has dropped, repeated or overtaken one");
        run.Values[visit.Planned.Weights.Value] = unit.Weights;
        return true;
    }

    private static UnitWork Make(WorkOrder order) => order.Visit.Op switch
    {
        Ops.Forward => new ForwardWork(order),
        Ops.Recompute => new RecomputeWork(order),
        Ops.Head => new HeadWork(order),
        Ops.Score => new ScoreWork(order),
        Ops.Backward => new BackwardWork(order),
        Ops.Offload => new OffloadWork(order),
        Ops.Return => new ReturnWork(order),
        _ => new OpWork(order),
    };

    private void Send(UnitMessage message)
    {
        if (!_ports.TryGetValue(message.GetType(), out var port))
            throw new InvalidOperationException($"no edge out of join takes {message.GetType().Name}, for {message.Visit}; add one");
        message.ReadyTimestamp = (_options.Probe?.Time ?? TimeProvider.System).GetTimestamp();
        port.Send(message);
    }

    private void Free(ProgramRun run, int id, Fence done)
    {
        if (run.Values[id] is not { } value) return;
        run.Values[id] = null;
        if (run.Readers.Remove(id, out var copied)) _device.ComputeWaits(copied);
        if (run.Program.Values[id].PartOf is not null) return;
        switch (value)
        {
            case Lease<DeviceSlot> { IsReturned: false } slot when !ReferenceEquals(done, Fence.Completed) || slot.Value.Fence.IsComplete:
                slot.Value.Fence = done;
                break;
            case Lease<ReturnedInput> { IsReturned: false } returned:
                returned.Value.Close();
                break;
        }

        (value as IDisposable)?.Dispose();
    }

    private async Task EndAsync()
    {
        try
        {
            await _inbox.Completion.ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            foreach (var port in _ports.Values) port.Fault(fault);
            throw;
        }

        foreach (var port in _ports.Values) port.Complete();
        await Task.WhenAll(_ports.Values.Select(port => port.Completion)).ConfigureAwait(false);
    }

    private sealed class End : StepMessage
    {
        private End()
            : base(new StepInfo(0, StepPurpose.Evaluate, 0, [], new StepProgram([], [])))
        {
        }

        public static End Message { get; } = new();
    }
}
