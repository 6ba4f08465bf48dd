using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Horizon.Flow.Alignment;
using Horizon.Flow.Checkpointing;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Data;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Runs.Metrics;
using Horizon.Flow.Runs.Objectives;
using Horizon.Flow.Runs.OnPolicy;
using Horizon.Flow.Runs.Reports;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Validation;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Horizon.Flow.Runs.Session;

/// <summary>A run from a configuration: model, data and device, loaded and ready for the first step.</summary>
public sealed class TrainingSession : ITrainingSession
{
    private const int SampleTokens = 48;

    private readonly SessionParts _parts;
    private readonly RunBlueprint _blueprint;
    private readonly ConcurrentQueue<string> _notices;
    private readonly ParameterStore _store;
    private readonly TrainingRun _run;
    private readonly TrainingData _data;
    private readonly HeldOutData? _heldOut;
    private readonly TextGenerator? _sampler;
    private readonly StepWatch _watch;
    private readonly EvaluationWatch _evaluations;
    private readonly RunCheckpoints _checkpoints;
    private readonly SessionTrace? _trace;
    private readonly RunFacts _facts;
    private readonly HeldReference? _reference;
    private readonly PolicySteps? _policy;
    private readonly Func<CancellationToken, Task<Evaluation?>>? _evaluate;
    private readonly ILogger _logger;

    private TrainingSession(SessionParts parts, int traceSteps, SessionProgress progress, ILogger logger)
    {
        (_parts, _logger) = (parts, logger);
        var (blueprint, notices, device, store, plan, inputs, resumed) = (parts.Blueprint, parts.Notices, parts.Device, parts.Store, parts.Plan, parts.Inputs, parts.Resumed);
        (_blueprint, _notices, _store) = (blueprint, notices, store);
        (_data, _heldOut) = (inputs.Data, parts.Reference is null ? inputs.HeldOut : inputs.HeldOut?.With(AttachAsync));
        _watch = new StepWatch(blueprint.Configuration.Training, notices.Enqueue);
        _evaluations = new EvaluationWatch(Evaluation);
        if (resumed is not null)
        {
            _watch.Restore(resumed.Manifest.Progress);
            _evaluations.Restore(resumed.Manifest.Progress);
        }

        _checkpoints = new RunCheckpoints(blueprint, plan, store, _data, device, resumed, notices.Enqueue);
        if (KeepsBest) _checkpoints.Pin(_evaluations.BestStep);
        if (HasCheckpoints) plan = plan.WithCheckpoints(_checkpoints.Writer);
        _facts = RunFacts.Of(blueprint, plan, device);
        if (traceSteps > 0 && IsFirst) _trace = new SessionTrace(blueprint.Configuration.Output.Directory!, traceSteps, store.Step + 1, _data.TotalSteps, device);
        var watched = _trace?.Device ?? device;
        if (device.MemoryBytes is not null) watched = new PageLockWatch(watched, store, progress);
        _run = plan.Start(store, watched, new() { OnSpan = _trace?.OnSpan }, parts.Teacher?.Store is { } other ? [other] : []);
        if (parts.Reference is { } reference) _reference = reference.Start(device);
        if (_data.Source is PromptBatches prompts)
            _policy = new PolicySteps(blueprint, _run, prompts, inputs.Tokenizer!, new AnswerSource(blueprint, _run, store, parts.Writer, inputs.Tokenizer!), parts.Rewards!.Reward, _reference, notices.Enqueue);
        if (_heldOut is not null) _evaluate = _policy is null ? stop => _heldOut.EvaluateAsync(_run, stop) : stop => _policy.EvaluateAsync((PromptBatches)_heldOut.Source, stop);
        if (Evaluation.Prompt is not null) _sampler = new TextGenerator(blueprint.Model, inputs.Tokenizer!, _run);
        Outline = new TrainingOutline($"{blueprint.Description}, on {device.Name}", store.Step + 1, _data.TotalSteps)
        {
            Length = _data.Length, LogEverySteps = blueprint.Configuration.Logging.EverySteps, Memory = parts.Memory, Shares = () => _run.Shares,
        };
        SessionLog.Opened(logger, Outline.Description, Outline.FirstStep, Outline.LastStep);
    }

    /// <inheritdoc/>
    public TrainingOutline Outline { get; }

    private ICollectives? Ranks => _blueprint.Ranks;

    // Of several ranks, the one that leaves what is left once.
    private bool IsFirst => Ranks is null or { Rank: 0 };

    private bool HasCheckpoints => _blueprint.Configuration.Checkpoint.EverySteps > 0;

    private bool KeepsBest => _blueprint.Configuration.Checkpoint.KeepBest;

    private EvaluationSection Evaluation => _blueprint.Configuration.Evaluation;

    /// <summary>Loads everything, after checking that it will fit.</summary>
    /// <param name="configuration">A configuration that <see cref="ConfigurationValidator"/> accepts for training.</param>
    /// <param name="resume">Go on from a checkpoint.</param>
    /// <param name="traceSteps">How many steps to write a trace of, see <see cref="TraceFile"/>; 0 for none, which costs nothing.</param>
    /// <param name="progress">Is told how far what takes long is: reading the data, loading and page-locking the weights.</param>
    /// <param name="logger">Is told of phases, steps, evaluations and notices; null for nobody.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <param name="place">Which of several ranks this process is; null where there is one. All ranks open the same configuration.</param>
    /// <exception cref="HorizonException">The user can mend it.</exception>
    public static async Task<TrainingSession> OpenAsync(
        RunConfiguration configuration, bool resume = false, int traceSteps = 0, IProgress<PhaseProgress>? progress = null, ILogger? logger = null, CancellationToken cancellation = default,
        RankPlace? place = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentOutOfRangeException.ThrowIfNegative(traceSteps);
        var log = logger ?? NullLogger.Instance;
        var phases = new SessionProgress(progress, log);
        var parts = await SessionParts.OpenAsync(configuration, resume, timed: traceSteps > 0, place, phases, cancellation).ConfigureAwait(false);
        try
        {
            return new TrainingSession(parts, traceSteps, phases, log);
        }
        catch (Exception error)
        {
            SessionRanks.EndWith(error, parts.Blueprint.Ranks);
            await parts.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<TrainingEvent> RunAsync([EnumeratorCancellation] CancellationToken stop)
    {
        await foreach (var happened in EventsAsync(stop).ConfigureAwait(false))
        {
            SessionLog.Happened(_logger, happened);
            yield return happened;
        }
    }

    private async IAsyncEnumerable<TrainingEvent> EventsAsync([EnumeratorCancellation] CancellationToken stop)
    {
        if (IsFirst) RunFactsFile.Write(_blueprint.Configuration.Output.Directory!, _facts);
        // Ranks stop together, and so between steps alone.
        var stopLook = Ranks is null ? stop : CancellationToken.None;
        foreach (var happened in Notices()) yield return happened;
        var before = Outline.FirstStep - 1;
        long looked = 0;
        // A resumed run repeats the look that was due after its checkpoint: the run before may have been killed on the way to it.
        if (before == 0 || IsLookDue(before))
        {
            looked = before;
            await foreach (var happened in LookAsync(before, sample: before == 0, stopLook).ConfigureAwait(false)) yield return happened;
        }

        // One step is kept ahead of the reports, except where the parameters of a step boundary are looked at.
        PendingStep? pending = null;
        await foreach (var microBatches in StepsAsync(stop).ConfigureAwait(false))
        {
            var stops = stop.IsCancellationRequested || _evaluations.IsOver;
            if (await Ranks.AnyAsync("stop", stops).ConfigureAwait(false)) break;
            var begin = BeginAsync(microBatches);
            try
            {
                if (pending is not null)
                {
                    yield return await EndAsync(pending).ConfigureAwait(false);
                    _checkpoints.Recorded(pending.Number, _watch, _evaluations);
                }
            }
            finally
            {
                await begin.ConfigureAwait(false);
            }

            var (next, fault) = await begin.ConfigureAwait(false);
            fault?.Throw();
            pending = next;
            _watch.ThrowIfTooMany();
            foreach (var happened in Notices()) yield return happened;
            var isLookDue = IsLookDue(next!.Number);
            if (!isLookDue && !AsksBetweenSteps) continue;
            yield return await EndAsync(next).ConfigureAwait(false);
            _checkpoints.Recorded(next.Number, _watch, _evaluations);
            pending = null;
            _watch.ThrowIfTooMany();
            if (!isLookDue) continue;
            looked = next.Number;
            await foreach (var happened in LookAsync(looked, sample: false, stopLook).ConfigureAwait(false)) yield return happened;
        }

        if (pending is not null)
        {
            yield return await EndAsync(pending).ConfigureAwait(false);
            _checkpoints.Recorded(pending.Number, _watch, _evaluations);
        }

        _watch.ThrowIfTooMany();
        var isOver = _evaluations.IsOver;
        if (isOver) yield return new TrainingEvent.Noticed(_evaluations.Describe());
        if (_store.Step > looked)
            await foreach (var happened in LookAsync(_store.Step, sample: true, stopLook).ConfigureAwait(false)) yield return happened;
        else if (isOver && await SampleAsync(_store.Step, stopLook).ConfigureAwait(false) is { } text)
            yield return new TrainingEvent.Noticed(text);
        foreach (var happened in Notices()) yield return happened;
    }

    /// <inheritdoc/>
    public async Task<SavedRun> SaveAsync()
    {
        string? checkpoint = null;
        HorizonException? failure = null;
        // Asked of the run itself, not of a signal: those of other ranks are not seen here.
        var isEarly = _store.Step < _data.TotalSteps;
        var isStopped = isEarly && !_evaluations.IsOver;
        try
        {
            if (HasCheckpoints || isEarly) checkpoint = await _checkpoints.SaveAsync().ConfigureAwait(false);
        }
        catch (HorizonException error)
        {
            failure = error;
        }

        long? bestStep = null;
        // Of a run that is only interrupted the model is as it stands.
        if (failure is null && KeepsBest && !isStopped && _evaluations.BestStep is > 0 and var best && best != _store.Step)
        {
            await _checkpoints.ReturnToAsync(best).ConfigureAwait(false);
            bestStep = best;
        }

        var folder = Path.Combine(_blueprint.Configuration.Output.Directory!, "model");
        await _parts.Writer.WriteAsync(folder, _store, _run.Context.Plan, _blueprint.Ranks).ConfigureAwait(false);
        SessionLog.Saved(_logger, folder);
        // Last: it is worth the least.
        if (IsFirst) StageSharesFile.Write(_blueprint.Configuration.Output.Directory!, _run.Shares);
        return failure is null ? new SavedRun(folder, checkpoint) { BestStep = bestStep, IsStopped = isStopped } : throw new HorizonException($"{failure.Message}; the model itself was written to {folder}", failure);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _checkpoints.EndRecords();
        _policy?.Dispose();
        await _run.DisposeAsync().ConfigureAwait(false);
        if (_reference is not null) await _reference.DisposeAsync().ConfigureAwait(false);
        try
        {
            _trace?.Write();
        }
        catch (HorizonException) when (_run.Fault is not null)
        {
            // What ended the run is told of; a trace is worth less.
        }

        await _checkpoints.DisposeAsync().ConfigureAwait(false);
        await _parts.DisposeAsync().ConfigureAwait(false);
    }

    // Something looks at the data or answers with the parameters of a step boundary.
    private bool AsksBetweenSteps => _policy is not null || _reference is not null;

    private async IAsyncEnumerable<IReadOnlyList<MicroBatch>> StepsAsync([EnumeratorCancellation] CancellationToken stop)
    {
        if (_policy is not null)
        {
            await foreach (var microBatches in _policy.StepsAsync(Outline.FirstStep, _data.TotalSteps, stop).ConfigureAwait(false)) yield return microBatches;
            yield break;
        }

        foreach (var microBatches in _data.StepsFrom(Outline.FirstStep)) yield return _reference is null ? microBatches : await AttachAsync(microBatches).ConfigureAwait(false);
    }

    private Task<IReadOnlyList<MicroBatch>> AttachAsync(IReadOnlyList<MicroBatch> microBatches) => _reference!.AttachAsync(microBatches, CancellationToken.None);

    private bool IsLookDue(long step) => Evaluation.EverySteps > 0 && step % Evaluation.EverySteps == 0 && step != _data.TotalSteps;

    // Beside the report of the step before, which goes out in any case: a fault is given, not thrown, and a step whose updates wait for the
    // disk to finish a checkpoint of the step before must not hold up the report that this checkpoint waits for.
    private async Task<(PendingStep? Step, ExceptionDispatchInfo? Fault)> BeginAsync(IReadOnlyList<MicroBatch> microBatches)
    {
        try
        {
            return (await _run.BeginStepAsync(microBatches, CancellationToken.None).ConfigureAwait(false), null);
        }
        catch (Exception fault)
        {
            return (null, ExceptionDispatchInfo.Capture(fault));
        }
    }

    private async Task<TrainingEvent> EndAsync(PendingStep step)
    {
        var report = await step.Report.ConfigureAwait(false);
        _trace?.Ended(report);
        var metrics = await _run.Context.Plan.ExpertMetricsOfAllAsync(Ranks, report).ConfigureAwait(false);
        if (_blueprint.Objective is IMeasuredObjective measured)
            metrics = (await measured.MetricsOfAllAsync(Ranks, report.Results).ConfigureAwait(false)).Concat(metrics).ToDictionary();
        if (_policy is not null) metrics = _policy.TakeMetrics(report.Step).Concat(metrics).ToDictionary();
        return new TrainingEvent.StepEnded(_watch.Look(report)) { Metrics = metrics };
    }

    private IEnumerable<TrainingEvent> Notices()
    {
        while (_notices.TryDequeue(out var notice)) yield return new TrainingEvent.Noticed(notice);
    }

    // The held-out loss and, before and after the run, a sample. A stopped run is not kept waiting for them.
    private async IAsyncEnumerable<TrainingEvent> LookAsync(long step, bool sample, [EnumeratorCancellation] CancellationToken stop)
    {
        if (_evaluate is not null && await _evaluate(stop).ConfigureAwait(false) is { } found)
        {
            if (step > 0 && _evaluations.Add(step, found.Loss) && KeepsBest) _checkpoints.Pin(step);
            yield return new TrainingEvent.Evaluated(step, found.Loss) { Metrics = found.Metrics };
        }

        if (sample && await SampleAsync(step, stop).ConfigureAwait(false) is { } text)
            yield return new TrainingEvent.Noticed(text);
    }

    // Null where there is no prompt, or no time any more.
    private async Task<string?> SampleAsync(long step, CancellationToken stop)
    {
        if (_sampler is null) return null;
        var options = new GenerationOptions { MaxTokens = SampleTokens, Seed = _blueprint.Configuration.Training.Seed };
        try
        {
            var text = await _sampler.ContinueAsync(Evaluation.Prompt!, options, stop).ConfigureAwait(false);
            // Lines of verse are set off by a slash: one sample is one line of the log.
            return $"sample {(step == 0 ? "before" : $"after step {step}")}: {(Evaluation.Prompt + text).ReplaceLineEndings(" / ")}";
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return null;
        }
    }
}
