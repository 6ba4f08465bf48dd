using System.Runtime.ExceptionServices;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Resources;

namespace Horizon.Flow.Checkpointing;

/// <summary>
/// Writes checkpoints while training goes on: each unit between its update of the checkpoint's step and its next one, straight from the
/// store. Where the next update comes before the disk is ready, the unit is copied first; where no copy buffer is free, the update waits.
/// </summary>
/// <remarks>
/// One checkpoint at a time: where one falls due while another is written, training waits. A checkpoint that fails (a full disk,
/// say) leaves nothing behind; training goes on. Dispose it after the run and before the store.
/// </remarks>
public sealed class CheckpointWriter : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly ParameterStore _store;
    private readonly ICheckpointTarget _target;
    private readonly CheckpointOptions _options;
    private readonly TrainingPlan _plan;
    private readonly Stack<HostBuffer> _buffers = [];
    private readonly CancellationTokenSource _drop = new();
    private CheckpointContents _contents;
    private CheckpointUnderWay? _current;
    private Task<Exception?> _writing = Task.FromResult<Exception?>(null);
    private readonly long[] _offered;
    private long _decided;
    private CheckpointReport? _last;

    /// <summary>Prepares; allocates the copy buffers.</summary>
    /// <param name="plan">The plan whose runs are saved.</param>
    /// <param name="store">Its store.</param>
    /// <param name="target">Where checkpoints go.</param>
    /// <param name="options">When, and what else they hold.</param>
    public CheckpointWriter(TrainingPlan plan, ParameterStore store, ICheckpointTarget target, CheckpointOptions options)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(options);
        (_store, _target, _options) = (store, target, options);
        _plan = plan;
        _contents = Contents();
        _decided = store.Step;
        _offered = [.. store.Units.Select(_ => store.Step)];
        // Page by page, as they are first used: where the disk keeps up they take no memory at all.
        for (var i = 0; i < options.CopyBuffers; i++) _buffers.Push(new HostBuffer(CopyLength));
        if (options.CopyBuffers > 0) CopiesOwned = [.. _buffers];
    }

    /// <summary>The store that is saved.</summary>
    public ParameterStore Store => _store;

    /// <summary>The newest complete checkpoint of this writer; null before the first.</summary>
    public CheckpointReport? Last => Volatile.Read(ref _last);

    private IReadOnlyList<HostBuffer> CopiesOwned { get; } = [];

    private long CopyLength => _contents.Units.Where(unit => unit.IsTrained).Select(UnitImage.CopyLengthOf).DefaultIfEmpty(0).Max();

    /// <summary>The copy buffers of a plan, for its memory budget.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="precision">How the store keeps parameters.</param>
    /// <param name="copyBuffers">See <see cref="CheckpointOptions.CopyBuffers"/>.</param>
    public static MemoryItem DescribeMemory(TrainingPlan plan, StorePrecision precision, int copyBuffers)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var largest = plan.Model.Units.Where(plan.Options.IsTrainable).Select(plan.Options.StoreLayout)
            .Select(unit => (unit.Trained.ElementCount * 4) + plan.Options.Optimizer.DescribeState(unit.Trained).Sum(buffer => buffer.ByteLength) + plan.UnitStates.Sum(own => own.BytesOf(unit)))
            .DefaultIfEmpty(0).Max();
        return new MemoryItem(MemoryPlace.Host, PoolNames.CheckpointCopies, copyBuffers * largest, $"{copyBuffers} x the largest unit with all of its state, {new ByteSize(largest)}");
    }

    /// <summary>A unit is through its update. Begins the checkpoint of the step where one is due, as soon as the one before it is complete.</summary>
    /// <param name="unit">Its index.</param>
    /// <param name="step">The step of the update.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async ValueTask OfferAsync(int unit, long step, CancellationToken cancellationToken = default)
    {
        lock (_gate) _offered[unit] = step;
        await BeginDueAsync(step, cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            if (_current is { } current && step <= current.Step) OfferWhereThere(current, unit);
        }
    }

    /// <summary>Returns as soon as a unit may be updated: at once, unless a checkpoint still needs it as it is.</summary>
    /// <param name="unit">Its index.</param>
    /// <param name="step">The step of the update that is to come.</param>
    /// <param name="workers">Copy it where the disk is not ready.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async ValueTask ProtectAsync(int unit, long step, HostWorkers workers, CancellationToken cancellationToken = default)
    {
        // A unit that the due step leaves out may be the first to go on from it.
        await BeginDueAsync(step - 1, cancellationToken).ConfigureAwait(false);
        CheckpointUnderWay? current;
        lock (_gate) current = _current;
        if (current is not null) await current.ProtectAsync(unit, step, workers, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits for the checkpoint under way, if all of its units are there; one that fails is only warned of.</summary>
    public async Task FinishAsync()
    {
        Task writing;
        lock (_gate)
        {
            if (_current is { IsAllOffered: false }) return;
            writing = _writing;
        }

        await writing.ConfigureAwait(false);
    }

    /// <summary>Writes a checkpoint of the store as it is. No step may be under way: await <see cref="TrainingRun.StepBoundaryAsync"/> first.</summary>
    /// <returns>The checkpoint; the one before, where it was of this step already.</returns>
    /// <exception cref="HorizonException">It cannot be written, a step is under way, or the store is damaged.</exception>
    public async Task<CheckpointReport> WriteNowAsync()
    {
        if (_store.Damage is { } damage) throw new HorizonException($"no checkpoint can be written, for the parameters are not at one step: {damage}");
        if (_store.IsUnderWay)
            throw new HorizonException($"no checkpoint can be written now, for a step after step {_store.Step} is under way; await {nameof(TrainingRun)}.{nameof(TrainingRun.StepBoundaryAsync)} first");
        await FinishAsync().ConfigureAwait(false);
        var step = _store.Step;
        if (Last is { } last && last.Step == step) return last;
        Task<Exception?> writing;
        lock (_gate)
        {
            Begin(step, isWarned: false);
            writing = _writing;
        }

        if (await writing.ConfigureAwait(false) is { } error) ExceptionDispatchInfo.Throw(error);
        return Last!;
    }

    /// <summary>Finishes a checkpoint whose units are all there, and drops one whose step never ended. Frees the copies.</summary>
    public async ValueTask DisposeAsync()
    {
        await FinishAsync().ConfigureAwait(false);
        await _drop.CancelAsync().ConfigureAwait(false);
        await _writing.ConfigureAwait(false);
        foreach (var copy in CopiesOwned) copy.Dispose();
        _drop.Dispose();
    }

    // The newest due step up to one, where nobody has begun its checkpoint yet.
    private async ValueTask BeginDueAsync(long upTo, CancellationToken cancellationToken)
    {
        long? waitingSince = null;
        while (true)
        {
            Task before;
            lock (_gate)
            {
                var step = upTo;
                while (step > _decided && !_options.IsDue(step)) step--;
                if (step <= _decided)
                {
                    _decided = Math.Max(_decided, upTo);
                    return;
                }

                if (_writing.IsCompleted)
                {
                    Begin(step, waitingSince: waitingSince);
                    return;
                }

                before = _writing;
            }

            waitingSince ??= _options.Time.GetTimestamp();
            await before.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private void Begin(long step, bool isWarned = true, long? waitingSince = null)
    {
        _decided = Math.Max(_decided, step);
        // Anew: a checkpoint that was loaded meanwhile may have brought the moments of frozen units.
        _contents = Contents();
        var images = _store.Units.Zip(_contents.Units, UnitImage.Of);
        var current = _current = new CheckpointUnderWay(step, images, [.. _store.Units.Select((unit, i) => new UnitCounts(_store.VersionOf(i), unit.Updates))], _store.IsTrainable, _buffers, _options.Time);
        if (waitingSince is { } since) current.AddWait(since);
        for (var unit = 0; unit < _store.Units.Count; unit++)
            if (_store.IsTrainable(unit)) OfferWhereThere(current, unit);
        // What the writer tells its user is not said from within the stage that happened to begin it.
        using (ExecutionContext.IsFlowSuppressed() ? null : (IDisposable)ExecutionContext.SuppressFlow()) _writing = Task.Run(() => RunAsync(current, isWarned));
    }

    private CheckpointContents Contents() => CheckpointContents.Of(_plan.Model.Architecture, _store, _plan.Options.Optimizer);

    // A unit that the step updates is there once that update is behind it; one that the step leaves out, once its last update before is.
    private void OfferWhereThere(CheckpointUnderWay current, int unit)
    {
        if (_store.PendingStepOf(unit, current.Step) is { } pending && pending > _offered[unit]) return;
        current.Offer(unit, new UnitCounts(_store.VersionAt(unit, current.Step), _store.Units[unit].Updates));
    }

    // Never fails: gives what went wrong.
    private async Task<Exception?> RunAsync(CheckpointUnderWay current, bool isWarned)
    {
        try
        {
            await WriteAsync(current, _drop.Token).ConfigureAwait(false);
            return null;
        }
        catch (OperationCanceledException cancelled) when (_drop.IsCancellationRequested)
        {
            return cancelled;
        }
        catch (Exception error)
        {
            if (isWarned) _options.Warned?.Invoke($"{error.Message}; training goes on without the checkpoint of step {current.Step}");
            return error;
        }
        finally
        {
            current.Release();
        }
    }

    private async Task WriteAsync(CheckpointUnderWay current, CancellationToken cancellationToken)
    {
        var bytes = _store.ByteLength;
        string path;
        var draft = _target.Begin(current.Step, bytes);
        await using (draft.ConfigureAwait(false))
        {
            for (var written = 0; written < _store.Units.Count; written++)
            {
                var unit = await current.TakeAsync(cancellationToken).ConfigureAwait(false);
                await draft.WriteUnitAsync(unit.Index, unit.Image, cancellationToken).ConfigureAwait(false);
                current.Written(unit);
            }

            if (_options.BeforeCommit is { } before) await before(current.Step, cancellationToken).ConfigureAwait(false);
            var manifest = CheckpointManifest.Of(current.Step, current.Counts, _contents, _options.Configuration, _options.Progress(current.Step));
            path = await draft.CommitAsync(manifest, cancellationToken).ConfigureAwait(false);
        }

        var report = new CheckpointReport(current.Step, path, bytes, _options.Time.GetElapsedTime(current.Started), current.CopiedUnits, current.Waited);
        Volatile.Write(ref _last, report);
        _options.Written?.Invoke(report);
        try
        {
            _target.Prune(current.Step);
        }
        catch (HorizonException error)
        {
            _options.Warned?.Invoke($"older checkpoints stay: {error.Message}");
        }
    }
}
