using System.Runtime.CompilerServices;
using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Graph;
using Horizon.Flow.Host;

namespace Horizon.Flow;

/// <summary>
/// A running graph. Steps enter one after another and overlap: the next step's first units go forward while the last ones of this step are
/// still being updated, held only by versions. One caller at a time.
/// </summary>
public sealed class TrainingRun : IAsyncDisposable
{
    private readonly TrainingPlan _plan;
    private readonly RunningGraph _graph;
    private readonly TimeProvider _time;
    private readonly StepLedger _ledger;
    private readonly StallWatch _stallWatch;
    private readonly List<HostBuffer> _locked = [];
    private readonly CallerTurn _turn = new();
    private readonly PendingTasks _pending = new();
    private readonly TimeSpan _stopTimeout;
    private long _entered;
    private bool _disposed;

    internal TrainingRun(TrainingPlan plan, ParameterStore store, IComputeDevice device, GraphRunOptions options)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(device);
        CheckStore(plan, store);
        _plan = plan;
        _time = options.Time;
        _entered = store.Step;
        _stopTimeout = options.StopTimeout;
        Context = new TrainingContext(plan, store, device);
        _ledger = new StepLedger(Context, options.Time);
        Context.OnCommitted = _ledger.UnitCommitted;
        try
        {
            foreach (var unit in store.Units.Where(unit => !unit.Weights.IsMapped))
            {
                device.PageLock(unit.Weights);
                _locked.Add(unit.Weights);
            }

            _graph = plan.Graph.Start(Context, options);
        }
        catch
        {
            Free();
            throw;
        }

        _stallWatch = new StallWatch(_graph, options, () => _ledger.IsUnderWay);
        _graph.Completion.ContinueWith(_ => _ledger.FailAll(Failure), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>Store, device and pools.</summary>
    public TrainingContext Context { get; }

    /// <summary>The first thing that went wrong, or null.</summary>
    public StageException? Fault => _graph.Fault;

    /// <summary>Where each stage's time went so far.</summary>
    public IReadOnlyDictionary<string, StageShares> Shares => _graph.Probes.ToDictionary(probe => probe.Stage, probe => probe.Shares);

    /// <summary>Sends one optimizer step into the graph and returns as soon as its last request is in, before it is computed.</summary>
    /// <param name="microBatches">At most <see cref="TrainingOptions.GradientAccumulation"/>.</param>
    /// <param name="cancellationToken">Gives up waiting for room; the run is then stopped, for part of the step may be in.</param>
    /// <exception cref="StageException">The run has failed.</exception>
    public async Task<PendingStep> BeginStepAsync(IReadOnlyList<MicroBatch> microBatches, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ObjectDisposedException.ThrowIf(_disposed, this);
        MicroBatchRules.Require(_plan.Model, microBatches);
        using var turn = EnterFromOutside(nameof(BeginStepAsync));
        if (microBatches.Count > _plan.Options.GradientAccumulation)
            throw new ArgumentException($"the step has {microBatches.Count} micro-batches, the plan was made for {_plan.Options.GradientAccumulation}; set {nameof(TrainingOptions.GradientAccumulation)}", nameof(microBatches));
        var number = _entered + 1;
        var step = new StepScope(number, StepPurpose.Train, Context.Store.ExpectedVersions(), _plan.Options.LearningRateOf(number), microBatches);
        if (step.LabelledTokens == 0)
            throw new HorizonException($"step {number} has no token to learn: every label is -100; check the data's masks or set train_on_prompt");
        Context.Store.Begin(number);
        _entered = number;
        var report = _ledger.Open(step);
        _pending.Add(report);
        await SendAsync(step, microBatches, cancellationToken).ConfigureAwait(false);
        return new PendingStep(number, report);
    }

    /// <summary>
    /// Ends when every step and evaluation begun so far is finished: the store then stands at one step, and stays there until the next one is begun. For loops
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
    public Task<Task<double>> BeginEvaluationAsync(IReadOnlyList<MicroBatch> microBatches, CancellationToken cancellationToken = default) =>
        BeginEvaluationAsync(microBatches, nameof(BeginEvaluationAsync), cancellationToken);

    /// <summary>The mean loss of some micro-batches.</summary>
    public async Task<double> EvaluateAsync(IReadOnlyList<MicroBatch> microBatches, CancellationToken cancellationToken = default) =>
        await (await BeginEvaluationAsync(microBatches, nameof(EvaluateAsync), cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);

    /// <summary>Trains on step after step, one ahead of the reports.</summary>
    /// <param name="steps">The micro-batches of each step.</param>
    /// <param name="stop">No further step is begun; those begun are finished and reported.</param>
    public async IAsyncEnumerable<StepReport> StepsAsync(
        IEnumerable<IReadOnlyList<MicroBatch>> steps, [EnumeratorCancellation] CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(steps);
        PendingStep? pending = null;
        foreach (var microBatches in steps)
        {
            if (stop.IsCancellationRequested) break;
            var next = await BeginStepAsync(microBatches, CancellationToken.None).ConfigureAwait(false);
            if (pending is not null) yield return await pending.Report.ConfigureAwait(false);
            pending = next;
        }

        if (pending is not null) yield return await pending.Report.ConfigureAwait(false);
    }

    /// <summary>Stops at once: what is under way is dropped, no unit is left half written.</summary>
    public void Abort() => _graph.Stop();

    /// <summary>
    /// Ends the run: lets steps under way finish unless <see cref="Abort"/> was called or a stage failed, takes every lease back, and frees
    /// the pools. The store and the device stay with the caller. Never waits for ever: a stage that does not end within
    /// <see cref="GraphRunOptions.StopTimeout"/> is named in <see cref="Fault"/>, what it may still use is left to the process, and the store
    /// is refused from then on.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        _graph.Entry<UnitRequest>().Complete();
        await Task.WhenAny(_graph.Completion, _pending.EndAsync()).ConfigureAwait(false);
        await _graph.FinishAsync().ConfigureAwait(false);
        _stallWatch.Dispose();
        _ledger.FailAll(Failure);
        if (_graph.Unended.Count > 0)
        {
            LeasesAbandoned = await AbandonedRun.LeaveAsync(Context, _graph.Unended, _stopTimeout, _time).ConfigureAwait(false);
            return;
        }

        await Context.Device.Lane.RunAsync(_ledger.DisposeMicroBatches, CancellationToken.None).ConfigureAwait(false);
        var computed = await Context.Device.Lane.RunAsync(Context.Device.RecordCompute, CancellationToken.None).ConfigureAwait(false);
        await computed.WaitAsync().ConfigureAwait(false);
        LeasesReclaimed = Context.Pools.Sum(pool => pool.Reclaim());
        Context.Store.EndRun();
        Free();
        _graph.Dispose();
    }

    /// <summary>Finished steps whose loss or gradient norm was not finite, and which left the store alone.</summary>
    public long SkippedSteps => _ledger.SkippedSteps;

    /// <summary>Leases that had to be taken back when the run ended; 0 after a run without fault or abort.</summary>
    public int LeasesReclaimed { get; private set; }

    /// <summary>Leases that were left to the process when the run ended, since a stage that did not end may still use them; 0 otherwise.</summary>
    public int LeasesAbandoned { get; private set; }

    /// <summary>Messages that taps let pass unseen, because their watchers were slow; by stage, where there are any.</summary>
    public IReadOnlyDictionary<string, long> Missed => _graph.Probes.Where(probe => probe.Shares.Missed > 0).ToDictionary(probe => probe.Stage, probe => probe.Shares.Missed);

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

    private async Task<Task<double>> BeginEvaluationAsync(IReadOnlyList<MicroBatch> microBatches, string caller, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ObjectDisposedException.ThrowIf(_disposed, this);
        MicroBatchRules.Require(_plan.Model, microBatches);
        using var turn = EnterFromOutside(caller);
        var step = new StepScope(_entered, StepPurpose.Evaluate, Context.Store.ExpectedVersions(), 0, microBatches);
        if (step.LabelledTokens == 0) throw new HorizonException("the evaluation data has no token with a label; check its masks");
        var loss = _ledger.OpenEvaluation(step);
        _pending.Add(loss);
        await SendAsync(step, microBatches, cancellationToken).ConfigureAwait(false);
        return loss;
    }

    private async Task SendAsync(StepScope step, IReadOnlyList<MicroBatch> microBatches, CancellationToken cancellationToken)
    {
        var entry = _graph.Entry<UnitRequest>();
        for (var index = 0; index < microBatches.Count; index++)
        {
            var scope = new MicroBatchScope(index, microBatches[index], _plan.Model.Hidden.Count);
            _ledger.Track(scope);
            foreach (var visit in Context.Schedule.Visits(step, scope))
            {
                var request = new UnitRequest(visit) { ReadyTimestamp = _time.GetTimestamp() };
                bool accepted;
                try
                {
                    accepted = await entry.SendAsync(request, cancellationToken).ConfigureAwait(false);
                }
                catch (OperationCanceledException)
                {
                    _graph.Stop();
                    throw;
                }

                if (!accepted) throw Failure();
            }
        }
    }

    private static void CheckStore(TrainingPlan plan, ParameterStore store)
    {
        if (store.IsUnderWay && store.Damage is null)
            throw new HorizonException($"another run has a step after step {store.Step} of this store under way; dispose that run first");
        if (store.Damage is { } damage)
            throw new HorizonException($"the parameters in memory are not at one step: {damage}; load the last checkpoint");
        if (store.Units.Count != plan.Model.Units.Count || store.Units.Zip(plan.Model.Units).Any(pair => pair.First.Layout.ElementCount != pair.Second.ElementCount))
            throw new HorizonException("the store was made for another model; create it with the plan's CreateStore");
        for (var unit = 0; unit < store.Units.Count; unit++)
        {
            if (store.IsTrainable(unit) != plan.Options.IsTrainable(plan.Model.Units[unit]))
                throw new HorizonException($"unit '{plan.Model.Units[unit].Name}' is {(store.IsTrainable(unit) ? "trained" : "frozen")} in the store but not in the plan; create the store with the plan's CreateStore");
        }
    }
}
