using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Checkpointing;

/// <summary>
/// One checkpoint while it is written: which units wait for the disk, which may change again. The stages of the graph, on one side, offer and
/// protect units; the writer, on the other, takes them one at a time.
/// </summary>
internal sealed class CheckpointUnderWay
{
    private readonly Lock _gate = new();
    private readonly CheckpointedUnit[] _units;
    private readonly UnitCounts[] _counts;
    private readonly Func<int, bool> _isTrained;
    private readonly Stack<HostBuffer> _buffers;
    private readonly TimeProvider _time;
    private readonly LinkedList<CheckpointedUnit> _queue = [];
    private TaskCompletionSource _queued = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _missing;
    private bool _released;
    private long _waitedTicks;
    private int _copied;

    /// <summary>Begins; no unit is there yet.</summary>
    /// <param name="step">The step after which the state is taken.</param>
    /// <param name="units">The store's buffers.</param>
    /// <param name="counts">How far each is now; those of a frozen one stay.</param>
    /// <param name="isTrained">Units that are not are there as soon as all others are.</param>
    /// <param name="buffers">The free copy buffers; locked while used.</param>
    /// <param name="time">The clock.</param>
    public CheckpointUnderWay(long step, IEnumerable<UnitImage> units, UnitCounts[] counts, Func<int, bool> isTrained, Stack<HostBuffer> buffers, TimeProvider time)
    {
        Step = step;
        _units = [.. units.Select((image, index) => new CheckpointedUnit(index, image))];
        _counts = counts;
        _isTrained = isTrained;
        _buffers = buffers;
        _time = time;
        _missing = _units.Count(unit => isTrained(unit.Index));
        Started = time.GetTimestamp();
    }

    public long Step { get; }

    public long Started { get; }

    /// <summary>How far each unit is; known when every unit was offered.</summary>
    public IReadOnlyList<UnitCounts> Counts => _counts;

    public TimeSpan Waited => _time.GetElapsedTime(0, Interlocked.Read(ref _waitedTicks));

    public int CopiedUnits => Volatile.Read(ref _copied);

    public bool IsAllOffered
    {
        get
        {
            lock (_gate) return _missing == 0;
        }
    }

    /// <summary>A unit is at the step.</summary>
    /// <param name="unit">Its index.</param>
    /// <param name="counts">How far it is.</param>
    public void Offer(int unit, UnitCounts counts)
    {
        lock (_gate)
        {
            if (_units[unit].IsOffered) return;
            _counts[unit] = counts;
            Enqueue(_units[unit]);
            if (--_missing > 0) return;
            foreach (var frozen in _units.Where(one => !_isTrained(one.Index))) Enqueue(frozen);
        }
    }

    /// <summary>Returns as soon as a unit may be changed for a later step: it is written, or copied.</summary>
    public async ValueTask ProtectAsync(int index, long step, HostWorkers workers, CancellationToken cancellationToken)
    {
        if (step <= Step) return;
        var unit = _units[index];
        if (TryCopy(unit, workers) || unit.Safe.IsCompleted) return;
        Hasten(unit);
        // Units come to their updates in the order in which they came to this queue: meanwhile the next ones are made ready.
        while (NextToCopy() is { } next && TryCopy(next, workers))
        {
        }

        lock (_gate)
        {
            if (unit.Safe.IsCompleted) return;
            unit.WaitingSince = _time.GetTimestamp();
        }

        await unit.Safe.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Counts a wait that ends now.</summary>
    public void AddWait(long since) => Interlocked.Add(ref _waitedTicks, _time.GetTimestamp() - since);

    /// <summary>Waits for the next unit to write.</summary>
    public async Task<CheckpointedUnit> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task queued;
            lock (_gate)
            {
                if (_queue.First is { Value: var unit })
                {
                    _queue.RemoveFirst();
                    unit.IsQueued = false;
                    return unit;
                }

                queued = _queued.Task;
            }

            await queued.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The unit is on disk.</summary>
    public void Written(CheckpointedUnit unit)
    {
        lock (_gate)
        {
            GiveBack(unit);
            MarkSafe(unit);
        }
    }

    /// <summary>The end, good or bad: every unit may change.</summary>
    public void Release()
    {
        lock (_gate)
        {
            _released = true;
            foreach (var unit in _units)
            {
                GiveBack(unit);
                MarkSafe(unit);
            }
        }
    }

    // Its update waits for it.
    private void Hasten(CheckpointedUnit unit)
    {
        lock (_gate)
        {
            if (!unit.IsQueued) return;
            _queue.Remove(unit);
            _queue.AddFirst(unit);
        }
    }

    private CheckpointedUnit? NextToCopy()
    {
        lock (_gate) return _queue.FirstOrDefault(unit => unit.Copy is null && _isTrained(unit.Index));
    }

    private bool TryCopy(CheckpointedUnit unit, HostWorkers workers)
    {
        HostBuffer? copy;
        lock (_gate)
        {
            if (_released || !unit.IsQueued || unit.Copy is not null || !_buffers.TryPop(out copy)) return false;
            _queue.Remove(unit);
            unit.IsQueued = false;
        }

        var image = unit.Image.CopyTo(copy, workers);
        lock (_gate)
        {
            unit.Copy = copy;
            _copied++;
            if (_released)
            {
                GiveBack(unit);
            }
            else
            {
                unit.Image = image;
                Enqueue(unit); // behind all whose updates may still wait
            }

            MarkSafe(unit);
        }

        return true;
    }

    // The wait is counted here, where it ends, and so before the checkpoint can be complete and reported.
    private void MarkSafe(CheckpointedUnit unit)
    {
        if (unit.WaitingSince is { } since) AddWait(since);
        unit.WaitingSince = null;
        unit.MarkSafe();
    }

    private void Enqueue(CheckpointedUnit unit)
    {
        unit.IsOffered = true;
        unit.IsQueued = true;
        _queue.AddLast(unit);
        var waiting = _queued;
        _queued = new(TaskCreationOptions.RunContinuationsAsynchronously);
        waiting.TrySetResult();
    }

    private void GiveBack(CheckpointedUnit unit)
    {
        if (unit.Copy is not { } copy) return;
        unit.Copy = null;
        _buffers.Push(copy);
    }
}
