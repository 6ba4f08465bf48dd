using System.Globalization;
using Horizon.Flow.Checkpointing;
using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Data;
using Horizon.Flow.Runs.Loading;

namespace Horizon.Flow.Runs.Session;

/// <summary>
/// The checkpoints of a run: when they are due, what they hold, and what is said of them. Where none are configured, there is one all the same
/// when the run is stopped before its end, so that it can go on.
/// </summary>
internal sealed class RunCheckpoints : IAsyncDisposable
{
    // A wait that one could feel; a short one is how copy buffers work.
    private static readonly TimeSpan WorthSaying = TimeSpan.FromMilliseconds(50);

    private static readonly IReadOnlyDictionary<string, string> NoWatch = new Dictionary<string, string>();

    private readonly StepGate _recorded = new();
    private readonly ParameterStore _store;
    private readonly TrainingCheckpoints _folder;
    private readonly CheckpointContents _contents;
    private readonly CheckpointCut? _cut;
    private readonly long _everySteps;
    private readonly TrainingCheckpoint? _resumedFrom;
    private (long Step, IReadOnlyDictionary<string, string> Watch)? _latest;
    private (long Step, IReadOnlyDictionary<string, string> Watch)? _due;

    /// <summary>Prepares.</summary>
    /// <param name="blueprint">The run.</param>
    /// <param name="plan">Its plan, without checkpoints.</param>
    /// <param name="store">Its store.</param>
    /// <param name="data">For the place in the data.</param>
    /// <param name="device">What it trains on.</param>
    /// <param name="resumedFrom">The checkpoint that the run goes on from.</param>
    /// <param name="notice">Takes sentences for the user, from any thread.</param>
    public RunCheckpoints(
        RunBlueprint blueprint, TrainingPlan plan, ParameterStore store, TrainingData data, IComputeDevice device, TrainingCheckpoint? resumedFrom, Action<string> notice)
    {
        var configuration = blueprint.Configuration;
        (_store, _resumedFrom, _everySteps) = (store, resumedFrom, configuration.Checkpoint.EverySteps);
        _folder = RunBlueprint.CheckpointsOf(configuration);
        (_contents, _cut) = ResumePoint.ContentsOf(blueprint, plan, store);
        ICheckpointTarget target = blueprint.Ranks is { } ranks ? new RankCheckpoints(_folder, plan, store, ranks) : _folder;
        Writer = new CheckpointWriter(plan, store, target, new CheckpointOptions
        {
            IsDue = IsDue,
            CopyBuffers = _everySteps > 0 ? configuration.Pipeline.CheckpointBuffers : 0,
            Configuration = ConfigurationWriter.ToYaml(configuration),
            Progress = step => new Dictionary<string, string>(
                [.. ResumePoint.ProgressAfter(step, blueprint, data), .. OperatorThreads.Progress(device), .. (_due is { } due && due.Step == step ? due.Watch : NoWatch)]),
            // A checkpoint that counted before its step stands in metrics.jsonl would leave a gap there for a run that is killed in between.
            BeforeCommit = _recorded.WaitAsync,
            Written = report => notice(Describe(report)),
            Warned = notice,
        });
    }

    /// <summary>Writes them.</summary>
    public CheckpointWriter Writer { get; }

    /// <summary>The report of a step has been passed on and dealt with.</summary>
    /// <param name="step">The step.</param>
    /// <param name="watch">What is remembered of the reports up to this one.</param>
    /// <param name="evaluations">What is remembered of the evaluations before it.</param>
    public void Recorded(long step, StepWatch watch, EvaluationWatch evaluations)
    {
        _latest = (step, new Dictionary<string, string>([.. watch.Save(), .. evaluations.Save()]));
        // Stays until the next due step, which comes only after this one's checkpoint is complete.
        if (IsDue(step)) _due = _latest;
        _recorded.Open(step);
    }

    /// <summary>The checkpoint of a step is never pruned, until that of another step is not.</summary>
    public void Pin(long step) => _folder.Pinned = step;

    /// <summary>Fills the store from the checkpoint of a step, after the last one of the run.</summary>
    /// <exception cref="HorizonException">It is damaged or gone.</exception>
    public Task ReturnToAsync(long step) => _folder.Open(step).LoadAsync(_store, _contents, cut: _cut);

    /// <summary>Makes sure that the state as it now is lies on disk.</summary>
    /// <returns>The newest checkpoint; null where there was no step yet.</returns>
    /// <exception cref="HorizonException">It cannot be written.</exception>
    public async Task<string?> SaveAsync()
    {
        _recorded.Open(_store.Step);
        if (_store.Step == 0) return null;
        await Writer.FinishAsync().ConfigureAwait(false);
        _due = _latest;
        if (_resumedFrom is { } from && from.Manifest.Step == _store.Step) return from.Path;
        return (await Writer.WriteNowAsync().ConfigureAwait(false)).Path;
    }

    /// <summary>
    /// No further step will be recorded: a checkpoint that waits for that is given up, so that none is ahead of metrics.jsonl and no update
    /// waits for it. To be called before the run is disposed, which waits for its updates.
    /// </summary>
    public void EndRecords() => _recorded.Close();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Writer.DisposeAsync();

    private bool IsDue(long step) => _everySteps > 0 && step % _everySteps == 0;

    private static string Describe(CheckpointReport report)
    {
        var waited = report.Waited < WorthSaying ? "" : string.Create(
            CultureInfo.InvariantCulture,
            $"; the disk does not keep up: training waited {report.Waited.TotalSeconds:0.0} s for it, raise checkpoint.every_steps or pipeline.checkpoint_buffers");
        return string.Create(CultureInfo.InvariantCulture, $"checkpoint of step {report.Step} written: {new ByteSize(report.ByteLength)} in {report.Elapsed.TotalSeconds:0.0} s{waited}");
    }
}
