using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Horizon.Flow.Host;

namespace Horizon.Flow.Configuration;

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

    private TrainingSession(RunBlueprint blueprint, ConcurrentQueue<string> notices, IComputeDevice device, ParameterStore store, TrainingPlan plan, RunInputs inputs)
    {
        (_blueprint, _notices, _device, _store) = (blueprint, notices, device, store);
        (_data, _heldOut) = (inputs.Data, inputs.HeldOut);
        _watch = new StepWatch(blueprint.Configuration.Training, notices.Enqueue);
        _run = plan.Start(store, device);
        if (Evaluation.Prompt is not null) _sampler = new TextGenerator(blueprint.Model, inputs.Tokenizer!, store, device, _run.Context.Weights);
        Outline = new TrainingOutline($"{blueprint.Description}, on {device.Name}", 1, _data.TotalSteps);
    }

    /// <inheritdoc/>
    public TrainingOutline Outline { get; }

    private EvaluationSection Evaluation => _blueprint.Configuration.Evaluation;

    /// <summary>Loads everything, after checking that it will fit.</summary>
    /// <param name="configuration">A configuration that <see cref="ConfigurationValidator"/> accepts for training.</param>
    /// <param name="resume">Go on from a checkpoint.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="HorizonException">The user can mend it.</exception>
    public static async Task<TrainingSession> OpenAsync(RunConfiguration configuration, bool resume = false, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        Check(configuration, resume);
        var blueprint = RunBlueprint.Of(configuration);
        var notices = new ConcurrentQueue<string>(blueprint.Notices);
        using var checkpoint = configuration.Model.Init == ModelInit.Pretrained ? CheckpointFolder.Open(configuration.Model.Path!) : null;
        var device = ComputeDevice.Parse(configuration.Device, notices.Enqueue);
        ParameterStore? store = null;
        try
        {
            var memory = RunPlanner.Plan(blueprint, device);
            RunPlanner.Require(memory);
            cancellation.ThrowIfCancellationRequested();
            var inputs = RunInputs.Open(blueprint);
            foreach (var warning in inputs.Data.Warnings) notices.Enqueue(warning);
            if (configuration.Schedule.WarmupSteps > inputs.Data.TotalSteps)
                notices.Enqueue($"schedule.warmup_steps is {configuration.Schedule.WarmupSteps}, but the run ends after {inputs.Data.TotalSteps} steps: the learning rate does not reach optimizer.learning_rate");
            var plan = blueprint.Plan(inputs.Data.TotalSteps, memory.Activations);
            cancellation.ThrowIfCancellationRequested();
            store = plan.CreateStore(blueprint.Precision);
            if (checkpoint is null) StartingWeights.Draw(blueprint.Model, store, configuration.Training.Seed, cancellation);
            else if (await StartingWeights.LoadAsync(checkpoint, store, cancellation).ConfigureAwait(false) is { } warning) notices.Enqueue(warning);
            return new TrainingSession(blueprint, notices, device, store, plan, inputs);
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
        foreach (var happened in Notices()) yield return happened;
        await foreach (var happened in LookAsync(0, sample: true, stop).ConfigureAwait(false)) yield return happened;

        // One step is kept ahead of the reports, except where the parameters of a step boundary are looked at.
        PendingStep? pending = null;
        long looked = 0;
        foreach (var microBatches in _data.StepsFrom(Outline.FirstStep))
        {
            if (stop.IsCancellationRequested) break;
            var next = await _run.BeginStepAsync(microBatches, CancellationToken.None).ConfigureAwait(false);
            if (pending is not null) yield return await EndAsync(pending).ConfigureAwait(false);
            pending = next;
            _watch.ThrowIfTooMany();
            foreach (var happened in Notices()) yield return happened;
            if (Evaluation.EverySteps == 0 || next.Number % Evaluation.EverySteps != 0 || next.Number == _data.TotalSteps) continue;
            yield return await EndAsync(next).ConfigureAwait(false);
            (pending, looked) = (null, next.Number);
            _watch.ThrowIfTooMany();
            await foreach (var happened in LookAsync(looked, sample: false, stop).ConfigureAwait(false)) yield return happened;
        }

        if (pending is not null) yield return await EndAsync(pending).ConfigureAwait(false);
        _watch.ThrowIfTooMany();
        if (_store.Version > looked)
            await foreach (var happened in LookAsync(_store.Version, sample: true, stop).ConfigureAwait(false)) yield return happened;
        foreach (var happened in Notices()) yield return happened;
    }

    /// <inheritdoc/>
    public async Task<SavedRun> SaveAsync()
    {
        StageSharesFile.Write(_blueprint.Configuration.Output.Directory!, _run.Shares);
        var folder = Path.Combine(_blueprint.Configuration.Output.Directory!, "model");
        await ModelFolderWriter.WriteAsync(_blueprint.Configuration.Model.Path!, folder, _store).ConfigureAwait(false);
        return new SavedRun(folder, null);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _run.DisposeAsync().ConfigureAwait(false);
        _store.Dispose();
        _device.Dispose();
    }

    private static void Check(RunConfiguration configuration, bool resume)
    {
        var problems = ConfigurationValidator.Validate(configuration);
        if (problems.Count > 0) throw new HorizonException(string.Join('\n', problems.Select(problem => problem.Sentence)));
        if (resume) throw new HorizonException("--resume: this version writes no resumable checkpoints yet; train again from model.path, which may be a finished run's model folder.");
        if (configuration.Checkpoint.EverySteps > 0)
            throw new HorizonException("checkpoint.every_steps: this version writes no resumable checkpoints yet; set it to 0. The model is written when the run ends or is stopped with Ctrl-C.");
    }

    private async Task<TrainingEvent> EndAsync(PendingStep step) => new TrainingEvent.StepEnded(_watch.Look(await step.Report.ConfigureAwait(false)));

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
