using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Horizon.Flow.Checkpointing;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Data;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Runs.Metrics;
using Horizon.Flow.Runs.Planning;
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

    private readonly RunBlueprint _blueprint;
    private readonly ConcurrentQueue<string> _notices;
    private readonly IComputeDevice _device;
    private readonly ParameterStore _store;
    private readonly TrainingRun _run;
    private readonly TrainingData _data;
    private readonly HeldOutData? _heldOut;
    private readonly TextGenerator? _sampler;
    private readonly StepWatch _watch;
    private readonly RunCheckpoints _checkpoints;
    private readonly ModelFolderWriter _writer;
    private readonly SessionTrace? _trace;
    private readonly RunFacts _facts;
    private readonly ILogger _logger;

    private TrainingSession(
        RunBlueprint blueprint, ConcurrentQueue<string> notices, IComputeDevice device, ParameterStore store, TrainingPlan plan, RunInputs inputs, TrainingCheckpoint? resumed,
        ModelFolderWriter writer, int traceSteps, PlanReport memory, SessionProgress progress, ILogger logger)
    {
        (_writer, _logger) = (writer, logger);
        (_blueprint, _notices, _device, _store) = (blueprint, notices, device, store);
        (_data, _heldOut) = (inputs.Data, inputs.HeldOut);
        _watch = new StepWatch(blueprint.Configuration.Training, notices.Enqueue);
        if (resumed is not null) _watch.Restore(resumed.Manifest.Progress);
        _checkpoints = new RunCheckpoints(blueprint, plan, store, _data, device, resumed, notices.Enqueue);
        if (HasCheckpoints) plan = plan.WithCheckpoints(_checkpoints.Writer);
        _facts = RunFacts.Of(blueprint, plan, device);
        if (traceSteps > 0) _trace = new SessionTrace(blueprint.Configuration.Output.Directory!, traceSteps, store.Step + 1, _data.TotalSteps, device);
        var watched = _trace?.Device ?? device;
        if (device.MemoryBytes is not null) watched = new PageLockWatch(watched, store, progress);
        _run = plan.Start(store, watched, new() { OnSpan = _trace?.OnSpan });
        if (Evaluation.Prompt is not null) _sampler = new TextGenerator(blueprint.Model, inputs.Tokenizer!, _run);
        Outline = new TrainingOutline($"{blueprint.Description}, on {device.Name}", store.Step + 1, _data.TotalSteps) { Length = _data.Length, Memory = memory, Shares = () => _run.Shares };
        SessionLog.Opened(logger, Outline.Description, Outline.FirstStep, Outline.LastStep);
    }

    /// <inheritdoc/>
    public TrainingOutline Outline { get; }

    private bool HasCheckpoints => _blueprint.Configuration.Checkpoint.EverySteps > 0;

    private EvaluationSection Evaluation => _blueprint.Configuration.Evaluation;

    /// <summary>Loads everything, after checking that it will fit.</summary>
    /// <param name="configuration">A configuration that <see cref="ConfigurationValidator"/> accepts for training.</param>
    /// <param name="resume">Go on from a checkpoint.</param>
    /// <param name="traceSteps">How many steps to write a trace of, see <see cref="TraceFile"/>; 0 for none, which costs nothing.</param>
    /// <param name="progress">Is told how far what takes long is: reading the data, loading and page-locking the weights.</param>
    /// <param name="logger">Is told of phases, steps, evaluations and notices; null for nobody.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="HorizonException">The user can mend it.</exception>
    public static async Task<TrainingSession> OpenAsync(
        RunConfiguration configuration, bool resume = false, int traceSteps = 0, IProgress<PhaseProgress>? progress = null, ILogger? logger = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentOutOfRangeException.ThrowIfNegative(traceSteps);
        Check(configuration);
        var log = logger ?? NullLogger.Instance;
        var phases = new SessionProgress(progress, log);
        configuration = ResumePoint.BatchSize(configuration, resume) is { } begun ? configuration with { Training = configuration.Training with { BatchSize = begun } } : RunPlanner.ChooseBatchSize(configuration);
        var blueprint = RunBlueprint.Of(configuration);
        var writer = ModelFolderWriter.Open(configuration.Model.Path!);
        var notices = new ConcurrentQueue<string>(blueprint.Notices);
        var resumes = ResumePoint.Find(configuration, resume, notices.Enqueue);
        using var pretrained = configuration.Model.Init == ModelInit.Pretrained && !resumes ? WeightFiles.Open(configuration.Model.Path!) : null;
        var device = ComputeDevice.Parse(configuration.Device, notices.Enqueue, timed: traceSteps > 0, deterministic: configuration.Training.Deterministic);
        ParameterStore? store = null;
        try
        {
            // Once before the data are read, since that may take minutes, with as little as one token a batch; and once with them.
            var host = new ByteSize(MachineMemory.AvailableBytes());
            RunPlanner.Require(RunPlanner.Plan(blueprint, device, host, mostTokens: _ => 1));
            cancellation.ThrowIfCancellationRequested();
            var inputs = RunInputs.Open(blueprint, new StoppableProgress(phases, cancellation));
            var memory = RunPlanner.Plan(blueprint, device, host, inputs.DescribeMemory(), inputs.MostTokens, inputs.Typical);
            RunPlanner.Require(memory);
            foreach (var warning in inputs.Data.Warnings) notices.Enqueue(warning);
            if (configuration.Schedule.WarmupSteps > inputs.Data.TotalSteps)
                notices.Enqueue($"schedule.warmup_steps is {configuration.Schedule.WarmupSteps}, but the run ends after {inputs.Data.TotalSteps} steps: the learning rate does not reach optimizer.learning_rate");
            var plan = blueprint.Plan(inputs.Data.TotalSteps, memory.Activations);
            cancellation.ThrowIfCancellationRequested();
            phases.Report(new PhaseProgress("allocating the weights and the optimizer's state"));
            store = plan.CreateStore(blueprint.Precision);
            TrainingCheckpoint? resumed = null;
            if (resumes) phases.Report(new PhaseProgress("loading the checkpoint"));
            if (resumes) resumed = await ResumePoint.LoadAsync(blueprint, plan, store, inputs.Data, notices.Enqueue, cancellation).ConfigureAwait(false);
            else if (pretrained is null) StartingWeights.Draw(blueprint.Model, store, configuration.Training.Seed, phases, cancellation);
            else if (await StartingWeights.LoadAsync(pretrained, store, phases, cancellation).ConfigureAwait(false) is { } warning) notices.Enqueue(warning);
            await OperatorThreads.ChooseAsync(device, configuration.Training.CpuThreads, resumed, notices.Enqueue).ConfigureAwait(false);
            return new TrainingSession(blueprint, notices, device, store, plan, inputs, resumed, writer, traceSteps, memory, phases, log);
        }
        catch
        {
            store?.Dispose();
            device.Dispose();
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
        RunFactsFile.Write(_blueprint.Configuration.Output.Directory!, _facts);
        foreach (var happened in Notices()) yield return happened;
        var before = Outline.FirstStep - 1;
        long looked = 0;
        // A resumed run repeats the look that was due after its checkpoint: the run before may have been killed on the way to it.
        if (before == 0 || IsLookDue(before))
        {
            looked = before;
            await foreach (var happened in LookAsync(before, sample: before == 0, stop).ConfigureAwait(false)) yield return happened;
        }

        // One step is kept ahead of the reports, except where the parameters of a step boundary are looked at.
        PendingStep? pending = null;
        foreach (var microBatches in _data.StepsFrom(Outline.FirstStep))
        {
            if (stop.IsCancellationRequested) break;
            var begin = BeginAsync(microBatches);
            try
            {
                if (pending is not null)
                {
                    yield return await EndAsync(pending).ConfigureAwait(false);
                    _checkpoints.Recorded(pending.Number, _watch);
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
            if (!IsLookDue(next!.Number)) continue;
            yield return await EndAsync(next).ConfigureAwait(false);
            _checkpoints.Recorded(next.Number, _watch);
            (pending, looked) = (null, next.Number);
            _watch.ThrowIfTooMany();
            await foreach (var happened in LookAsync(looked, sample: false, stop).ConfigureAwait(false)) yield return happened;
        }

        if (pending is not null)
        {
            yield return await EndAsync(pending).ConfigureAwait(false);
            _checkpoints.Recorded(pending.Number, _watch);
        }

        _watch.ThrowIfTooMany();
        if (_store.Step > looked)
            await foreach (var happened in LookAsync(_store.Step, sample: true, stop).ConfigureAwait(false)) yield return happened;
        foreach (var happened in Notices()) yield return happened;
    }

    /// <inheritdoc/>
    public async Task<SavedRun> SaveAsync()
    {
        string? checkpoint = null;
        HorizonException? failure = null;
        try
        {
            if (HasCheckpoints || _store.Step < _data.TotalSteps) checkpoint = await _checkpoints.SaveAsync().ConfigureAwait(false);
        }
        catch (HorizonException error)
        {
            failure = error;
        }

        var folder = Path.Combine(_blueprint.Configuration.Output.Directory!, "model");
        await _writer.WriteAsync(folder, _store).ConfigureAwait(false);
        SessionLog.Saved(_logger, folder);
        // Last: it is worth the least.
        StageSharesFile.Write(_blueprint.Configuration.Output.Directory!, _run.Shares);
        return failure is null ? new SavedRun(folder, checkpoint) : throw new HorizonException($"{failure.Message}; the model itself was written to {folder}", failure);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _checkpoints.EndRecords();
        await _run.DisposeAsync().ConfigureAwait(false);
        try
        {
            _trace?.Write();
        }
        catch (HorizonException) when (_run.Fault is not null)
        {
            // What ended the run is told of; a trace is worth less.
        }

        await _checkpoints.DisposeAsync().ConfigureAwait(false);
        _store.Dispose();
        _device.Dispose();
    }

    private static void Check(RunConfiguration configuration)
    {
        var problems = ConfigurationValidator.Validate(configuration);
        if (problems.Count > 0) throw new HorizonException([.. problems.Select(problem => problem.Sentence)]);
    }

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
        return new TrainingEvent.StepEnded(_watch.Look(report));
    }

    private IEnumerable<TrainingEvent> Notices()
    {
        while (_notices.TryDequeue(out var notice)) yield return new TrainingEvent.Noticed(notice);
    }

    // The held-out loss and, before and after the run, a sample. A stopped run is not kept waiting for them.
    private async IAsyncEnumerable<TrainingEvent> LookAsync(long step, bool sample, [EnumeratorCancellation] CancellationToken stop)
    {
        if (_heldOut is not null && await _heldOut.EvaluateAsync(_run, stop).ConfigureAwait(false) is { } loss)
            yield return new TrainingEvent.Evaluated(step, loss);
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
