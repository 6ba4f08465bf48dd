using System.Runtime.CompilerServices;
using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;

namespace Horizon.Flow;

/// <summary>
/// A running graph. Steps enter one after another and overlap: the next step's first units go forward while the last ones of this step are
/// still being updated, held only by versions. One caller at a time.
/// </summary>
public sealed class TrainingRun : IAsyncDisposable
{
    private readonly TrainingPlan _plan;
    private readonly IStepProgrammer _programmer;
    private readonly RunningGraph _graph;
    private readonly TimeProvider _time;
    private readonly StallWatch _stallWatch;
    private readonly List<HostBuffer> _locked = [];
    private readonly CallerTurn _turn = new();
    private readonly PendingTasks _pending = new();
    private readonly ConditionalWeakTable<StepProgram, StrongBox<int>> _checked = [];
    private readonly ConditionalWeakTable<StepProgram, StepProgram> _placed = [];
    private readonly TimeSpan _stopTimeout;
    private readonly (string Join, string Fetch) _entries;
    private Task _lastProgram = Task.CompletedTask;
    private long _entered;
    private bool _disposed;

    internal TrainingRun(TrainingPlan plan, IStepProgrammer programmer, IReadOnlyList<ParameterStore> stores, IComputeDevice device, GraphRunOptions options)
    {
        ArgumentNullException.ThrowIfNull(device);
        StoreRules.Require(plan, stores);
        _plan = plan;
        _programmer = programmer;
        _entries = (plan.EntryOf(Stages.Join.Name), plan.EntryOf(Stages.Fetch.Name));
        _time = options.Time;
        _entered = stores[0].Step;
        _stopTimeout = options.StopTimeout;
        Context = new TrainingContext(plan, stores, device, options.Time);
        try
        {
            foreach (var weights in stores.SelectMany(store => store.Units).Select(unit => unit.Weights).Where(weights => !weights.IsMapped))
            {
                device.PageLock(weights);
                _locked.Add(weights);
            }

            _graph = plan.Graph.Start(Context, options with { Places = new Dictionary<string, TaskScheduler>(options.Places) { [DefaultGraph.ComputeLane] = device.Lane } });
        }
        catch
        {
            Free();
            throw;
        }

        Context.Ledger.Telemetry.Watch(() => Shares);
        _stallWatch = new StallWatch(_graph, options, () => Context.Ledger.IsUnderWay, () => $"{_graph.State}; {Context.Ledger.Missing}; {Leases}");
        _graph.Completion.ContinueWith(_ => Context.Ledger.FailAll(Failure), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>Stores, device and pools.</summary>
    public TrainingContext Context { get; }

    /// <summary>The first thing that went wrong, or null.</summary>
    public StageException? Fault => _graph.Fault;

    /// <summary>Where each stage's time went so far.</summary>
    public IReadOnlyDictionary<string, StageShares> Shares => _graph.Probes.ToDictionary(probe => probe.Stage, probe => probe.Shares);

    /// <summary>Sends one optimizer step into the graph and returns as soon as its last load is in, before it is computed.</summary>
    /// <param name="microBatches">At most <see cref="TrainingOptions.GradientAccumulation"/>.</param>
    /// <param name="cancellationToken">Gives up waiting for room; the run is then stopped, for part of the step may be in.</param>
    /// <exception cref="StageException">The run has failed.</exception>
    /// <exception cref="PlanException">The step's program cannot run.</exception>
    public async Task<PendingStep> BeginStepAsync(IReadOnlyList<MicroBatch> microBatches, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ObjectDisposedException.ThrowIf(_disposed, this);
        MicroBatchRules.Require(_plan.Model, microBatches);
        using var turn = EnterFromOutside(nameof(BeginStepAsync));
        RequireCount("step", microBatches);
        var number = _entered + 1;
        var program = ProgramFor(number, StepPurpose.Train, microBatches.Count);
        var step = new StepInfo(number, StepPurpose.Train, _plan.Options.LearningRateOf(number), microBatches, program, await CountAsync(microBatches, program, cancellationToken).ConfigureAwait(false));
        if (step.LabelledTokens == 0)
            throw new HorizonException($"step {number} has no token to learn: every label is -100; check the data's masks or set train_on_prompt");
        if (step.Program.TrainedUnits.Length == 0) throw new HorizonException($"step {number} trains nothing: every unit is frozen, or its program gives no gradient; train at least one unit");
        if (step.Program.Losses == 0) throw new HorizonException($"step {number} has no loss: no visit of its program gives one");
        RequireOthers(step.Program, microBatches);
        RequireKept(step.Program);
        var versions = Context.Store.ExpectedVersions();
        Context.Store.Begin(number, step.Program.TrainedUnits);
        _entered = number;
        var report = Context.Ledger.Open(step);
        _pending.Add(report);
        await SendAsync(step, microBatches, versions, cancellationToken).ConfigureAwait(false);
        return new PendingStep(number, report);
    }

    /// <summary>
    /// Ends when every step and pass begun so far is finished: the store then stands at one step, and stays there until the next one is begun. For loops
    /// that save, or look at the parameters, between steps.
    /// </summary>
    /// <returns>The step at which the store stands.</returns>
    /// <exception cref="StageException">The run has failed.</exception>
    public async Task<long> StepBoundaryAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        RefuseInsideStage(nameof(StepBoundaryAsync));
        await _pending.WaitAsync(cancellationToken).ConfigureAwait(false);
        return Context.Store.Step;
    }

    /// <summary>Computes the mean loss of some micro-batches with the parameters after all steps begun so far.</summary>
    public async Task<Task<double>> BeginEvaluationAsync(IReadOnlyList<MicroBatch> microBatches, CancellationToken cancellationToken = default) =>
        MeanAsync(await BeginPassAsync(StepPurpose.Evaluate, null, microBatches, nameof(BeginEvaluationAsync), cancellationToken).ConfigureAwait(false));

    /// <summary>The mean loss of some micro-batches.</summary>
    public async Task<double> EvaluateAsync(IReadOnlyList<MicroBatch> microBatches, CancellationToken cancellationToken = default) =>
        await MeanAsync(await BeginPassAsync(StepPurpose.Evaluate, null, microBatches, nameof(EvaluateAsync), cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);

    /// <summary>The losses of some micro-batches, and the numbers that an objective's head gives beside them.</summary>
    public async Task<PassResult> ScoreAsync(IReadOnlyList<MicroBatch> microBatches, CancellationToken cancellationToken = default) =>
        await (await BeginPassAsync(StepPurpose.Evaluate, null, microBatches, nameof(ScoreAsync), cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);

    /// <summary>The logits of the labelled places of some micro-batches: for each, [labelled tokens, vocabulary].</summary>
    public async Task<IReadOnlyList<HostResult>> LogitsAsync(IReadOnlyList<MicroBatch> microBatches, CancellationToken cancellationToken = default) =>
        (await (await BeginPassAsync(StepPurpose.Logits, null, microBatches, nameof(LogitsAsync), cancellationToken).ConfigureAwait(false)).ConfigureAwait(false)).Results;

    /// <summary>The log-probability of each label of some micro-batches: for each, [labelled tokens].</summary>
    public async Task<IReadOnlyList<HostResult>> LogProbabilitiesAsync(IReadOnlyList<MicroBatch> microBatches, CancellationToken cancellationToken = default) =>
        (await (await BeginPassAsync(StepPurpose.LogProbabilities, null, microBatches, nameof(LogProbabilitiesAsync), cancellationToken).ConfigureAwait(false)).ConfigureAwait(false)).Results;

    /// <summary>
    /// The gradients of some micro-batches, in fp32 and in host memory, for the parameters after all steps begun so far: those of the program
    /// that the next step would have, accumulated, before clipping. The store stays as it is, and the step is not counted.
    /// </summary>
    /// <param name="microBatches">At most <see cref="TrainingOptions.GradientAccumulation"/>; the gradients are of the mean over all of their labelled tokens.</param>
    /// <param name="cancellationToken">Gives up waiting for room; the run is then stopped.</param>
    /// <exception cref="HorizonException">Nothing is trained, or the plan's graph does not lead gradients to <see cref="Stages.Collect"/>.</exception>
    /// <remarks>It takes 4 bytes more for each trained parameter. Stages that were put before <see cref="Stages.Collect"/> see these gradients too.</remarks>
    public async Task<GradientResult> GradientsAsync(IReadOnlyList<MicroBatch> microBatches, CancellationToken cancellationToken = default)
    {
        var pass = await (await BeginPassAsync(StepPurpose.Gradients, null, microBatches, nameof(GradientsAsync), cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var byUnit = new float[]?[_plan.Model.Units.Count];
        foreach (var gradient in pass.Gradients) byUnit[gradient.Visit.Unit] = gradient.Values;
        return new GradientResult(pass.Losses!.Mean, byUnit);
    }

    /// <summary>What a stage of the plan keeps, as it is now; after the run, as it was at the end.</summary>
    /// <param name="handle">From the verb that added the stage.</param>
    /// <exception cref="ArgumentException">The run's plan has no such stage.</exception>
    public T Value<T>(StageValue<T> handle)
    {
        ArgumentNullException.ThrowIfNull(handle);
        return Value<T>(handle.Stage);
    }

    /// <summary>What a stage keeps whose block is an <see cref="IStageValue{T}"/>.</summary>
    /// <param name="stage">Its name.</param>
    /// <exception cref="ArgumentException">The run's plan has no such stage, or it keeps nothing of that type.</exception>
    public T Value<T>(string stage) => _graph.Value<T>(stage);

    /// <summary>Runs a program of the user's own that gives no gradient, with the parameters after all steps begun so far.</summary>
    /// <returns>Its losses, and the numbers that its visits gave.</returns>
    /// <exception cref="PlanException">The program cannot run.</exception>
    public async Task<PassResult> ComputeAsync(StepProgram program, IReadOnlyList<MicroBatch> microBatches, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(program);
        return await (await BeginPassAsync(StepPurpose.Evaluate, program, microBatches, nameof(ComputeAsync), cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
    }

    /// <summary>Frees what programs kept under a name (<see cref="ProgramValue.KeptAs"/>), once everything begun has ended.</summary>
    /// <returns>Whether there was such a value.</returns>
    public async Task<bool> ForgetAsync(string name, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        using var turn = EnterFromOutside(nameof(ForgetAsync));
        await StepBoundaryAsync(cancellationToken).ConfigureAwait(false);
        // A pass is over for its caller with its last number; visits that give none may still read and keep values.
        await Task.WhenAny(_lastProgram, _graph.Completion).WaitAsync(cancellationToken).ConfigureAwait(false);
        return await Context.Device.Lane.RunAsync(() => Context.Kept.Forget(name), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Trains on step after step.</summary>
    /// <param name="steps">The micro-batches of each step.</param>
    /// <param name="ahead">
    /// How many steps are begun before the report of one is given: 0 gives each report at a step boundary, where the store is quiet; 1 lets the next
    /// step's forward follow close behind this one's updates.
    /// </param>
    /// <param name="stop">No further step is begun; those begun are finished and reported.</param>
    public IAsyncEnumerable<StepReport> StepsAsync(IEnumerable<IReadOnlyList<MicroBatch>> steps, int ahead = 0, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(steps);
        return StepsAsync(steps.ToAsyncEnumerable(), ahead, stop);
    }

    /// <inheritdoc cref="StepsAsync(IEnumerable{IReadOnlyList{MicroBatch}}, int, CancellationToken)"/>
    public async IAsyncEnumerable<StepReport> StepsAsync(
        IAsyncEnumerable<IReadOnlyList<MicroBatch>> steps, int ahead = 0, [EnumeratorCancellation] CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(steps);
        ArgumentOutOfRangeException.ThrowIfNegative(ahead);
        var pending = new Queue<PendingStep>();
        await foreach (var microBatches in steps.ConfigureAwait(false))
        {
            if (stop.IsCancellationRequested) break;
            pending.Enqueue(await BeginStepAsync(microBatches, CancellationToken.None).ConfigureAwait(false));
            if (pending.Count > ahead) yield return await pending.Dequeue().Report.ConfigureAwait(false);
        }

        while (pending.TryDequeue(out var last)) yield return await last.Report.ConfigureAwait(false);
    }

    /// <summary>Stops at once: what is under way is dropped, no unit is left half written.</summary>
    public void Abort() => _graph.Stop();

    /// <summary>
    /// Ends the run: lets steps under way finish unless <see cref="Abort"/> was called or a stage failed, takes every lease back, and frees
    /// the pools. The stores and the device stay with the caller. Never waits for ever: a stage that does not end within
    /// <see cref="GraphRunOptions.StopTimeout"/> is named in <see cref="Fault"/>, what it may still use is left to the process, and the store
    /// is refused from then on.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        _graph.Complete();
        await Task.WhenAny(_graph.Completion, _pending.EndAsync()).ConfigureAwait(false);
        await _graph.FinishAsync().ConfigureAwait(false);
        _stallWatch.Dispose();
        Context.Ledger.FailAll(Failure);
        Context.Ledger.Telemetry.Dispose();
        if (_graph.Unended.Count > 0)
        {
            LeasesAbandoned = await AbandonedRun.LeaveAsync(Context, _graph.Unended, _stopTimeout, _time).ConfigureAwait(false);
            return;
        }

        var lane = Context.Device.Lane;
        try
        {
            await lane.RunAsync(() => _graph.DisposeHubs(), CancellationToken.None).ConfigureAwait(false);
            var computed = await lane.RunAsync(Context.Device.RecordCompute, CancellationToken.None).ConfigureAwait(false);
            await computed.WaitAsync().ConfigureAwait(false);
        }
        catch (DeviceException) when (Fault is not null)
        {
            // The run failed with the device, and told why.
        }
        finally
        {
            Context.Late?.Finish();
            LeasesReclaimed = Context.Pools.Sum(pool => pool.Reclaim());
            Context.Store.EndRun();
            Free();
            _graph.Dispose();
        }
    }

    /// <summary>Finished steps whose loss or gradient norm was not finite, and which left the store alone.</summary>
    public long SkippedSteps => Context.Ledger.SkippedSteps;

    /// <summary>Leases that had to be taken back when the run ended; 0 after a run without fault or abort.</summary>
    public int LeasesReclaimed { get; private set; }

    /// <summary>Leases that were left to the process when the run ended, since a stage that did not end may still use them; 0 otherwise.</summary>
    public int LeasesAbandoned { get; private set; }

    /// <summary>Messages that taps let pass unseen, because their watchers were slow; by stage, where there are any.</summary>
    public IReadOnlyDictionary<string, long> Missed => _graph.Probes.Where(probe => probe.Shares.Missed > 0).ToDictionary(probe => probe.Stage, probe => probe.Shares.Missed);

    private string Leases => string.Join(", ", Context.Pools.Where(pool => pool.Outstanding > 0).Select(pool => $"{pool.Outstanding} of {pool.Capacity} leases of '{pool.Name}' are out").DefaultIfEmpty("no lease is out"));

    private static async Task<double> MeanAsync(Task<PassResult> pass) => (await pass.ConfigureAwait(false)).Losses!.Mean;

    private IDisposable EnterFromOutside(string caller)
    {
        RefuseInsideStage(caller);
        return _turn.Enter(caller);
    }

    private void RefuseInsideStage(string caller)
    {
        if (_graph.StageOfCaller is { } stage)
            throw new InvalidOperationException($"{caller} was called from stage '{stage}' of the same run, which would wait for itself; call it from outside the graph");
    }

    private void Free()
    {
        foreach (var buffer in _locked) Context.Device.Unlock(buffer);
        Context.Dispose();
    }

    private Exception Failure() => (Exception?)_graph.Fault
        ?? new OperationCanceledException("the run was stopped before the step was finished");

    private StepProgram ProgramFor(long step, StepPurpose purpose, int microBatches) =>
        Checked(_programmer.ProgramFor(new StepRequest(step, purpose, microBatches)), microBatches);

    private ValueTask<StepCounts> CountAsync(IReadOnlyList<MicroBatch> microBatches, StepProgram program, CancellationToken cancellationToken)
    {
        var own = StepCounts.Of(microBatches, program, _plan.LossCount);
        return _plan.Counts is { } counts ? counts(own, cancellationToken) : ValueTask.FromResult(own);
    }

    private StepProgram Checked(StepProgram program, int microBatches)
    {
        if (_checked.TryGetValue(program, out var count) && count.Value == microBatches) return program;
        var problems = _plan.Validate(program, microBatches);
        if (problems.Count > 0) throw new PlanException(problems);
        _checked.AddOrUpdate(program, new(microBatches));
        return program;
    }

    // A teacher may have a smaller vocabulary, or fewer positions, than the model that is trained.
    private void RequireOthers(StepProgram program, IReadOnlyList<MicroBatch> microBatches)
    {
        for (var other = 1; other < _plan.Models.Count; other++)
            if (program.Visits.Any(visit => visit.Store == other)) MicroBatchRules.Require(_plan.Models[other], microBatches);
    }

    private void RequireKept(StepProgram program)
    {
        var names = Context.Kept.Names;
        foreach (var name in program.Borrows.Select(id => program.Values[id].KeptAs!))
            if (!names.Contains(name)) throw new HorizonException($"the program reads '{name}', which no program of this run has kept; run one that writes it first");
        foreach (var id in program.Keeps) Context.Kept.Promise(program.Values[id].KeptAs!);
    }

    private async Task<Task<PassResult>> BeginPassAsync(StepPurpose purpose, StepProgram? program, IReadOnlyList<MicroBatch> microBatches, string caller, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ObjectDisposedException.ThrowIf(_disposed, this);
        MicroBatchRules.Require(_plan.Model, microBatches);
        using var turn = EnterFromOutside(caller);
        var givesGradients = purpose == StepPurpose.Gradients;
        if (givesGradients) RequireCollect(microBatches);
        program = program is not null ? Checked(_placed.GetValue(program, _plan.Place), microBatches.Count)
            : givesGradients ? ProgramFor(_entered + 1, StepPurpose.Train, microBatches.Count) : ProgramFor(_entered, purpose, microBatches.Count);
        var step = new StepInfo(_entered, purpose, 0, microBatches, program, await CountAsync(microBatches, program, cancellationToken).ConfigureAwait(false));
        if (givesGradients && (program.TrainedUnits.Length == 0 || program.Losses == 0)) throw new HorizonException($"{caller} has nothing to give: every unit is frozen, or the next step's program gives no gradient or no loss");
        if (!givesGradients && program.TrainedUnits.Length > 0) throw new HorizonException($"{caller} runs a pass that changes nothing, but its program gives gradients; give it to a step");
        if (program.Losses == 0 && program.Results == 0) throw new HorizonException($"{caller} runs a pass that gives something, but no visit of its program gives a loss or a result");
        if (step.LabelledTokens == 0) throw new HorizonException("the evaluation data has no token with a label; check its masks");
        RequireOthers(program, microBatches);
        RequireKept(program);
        var result = Context.Ledger.OpenPass(step);
        _pending.Add(result);
        await SendAsync(step, microBatches, Context.Store.ExpectedVersions(), cancellationToken).ConfigureAwait(false);
        return result;
    }

    private void RequireCount(string what, IReadOnlyList<MicroBatch> microBatches)
    {
        if (microBatches.Count > _plan.Options.GradientAccumulation)
            throw new ArgumentException($"the {what} has {microBatches.Count} micro-batches, the plan was made for {_plan.Options.GradientAccumulation}; set {nameof(TrainingOptions.GradientAccumulation)}", nameof(microBatches));
    }

    private void RequireCollect(IReadOnlyList<MicroBatch> microBatches)
    {
        RequireCount("pass", microBatches);
        if (!_plan.Graph.Behind(Stages.Join.Name).Contains(Stages.Collect.Name))
            throw new HorizonException($"the plan's graph does not lead gradients to stage '{Stages.Collect.Name}'; connect it behind '{Stages.Accumulate.Name}' as the default graph does");
    }

    private async Task SendAsync(StepInfo step, IReadOnlyList<MicroBatch> microBatches, IReadOnlyList<long> versions, CancellationToken cancellationToken)
    {
        var run = new ProgramRun(step, microBatches, _plan.Models);
        _lastProgram = run.Ended.Task;
        await SendAsync(_graph.Entry<ProgramRun>(_entries.Join), run, cancellationToken).ConfigureAwait(false);
        foreach (var load in run.Loads(visit => visit.Planned.Store == 0 ? versions[visit.Unit] : Context.Stores[visit.Planned.Store].VersionOf(visit.Unit)))
            await SendAsync(_graph.Entry<LoadRequest>(_entries.Fetch), load, cancellationToken).ConfigureAwait(false);
    }

    private async Task SendAsync<T>(ITargetBlock<T> entry, T message, CancellationToken cancellationToken)
        where T : StepMessage
    {
        message.ReadyTimestamp = _time.GetTimestamp();
        try
        {
            if (await entry.SendAsync(message, cancellationToken).ConfigureAwait(false)) return;
        }
        catch (OperationCanceledException)
        {
            _graph.Stop();
            throw;
        }

        throw Failure();
    }
}
