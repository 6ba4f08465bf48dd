namespace Horizon.Flow.Host.Store;

/// <summary>The steps that were begun and are not finished: which units each still has to update. Steps overlap, so there may be several.</summary>
internal sealed class OpenSteps
{
    private readonly Lock _gate = new();
    private readonly List<OpenStep> _open = []; // ascending
    private long _last;

    /// <summary>The last step that is finished, and all before it.</summary>
    public long Last => Interlocked.Read(ref _last);

    public bool Any
    {
        get
        {
            lock (_gate) return _open.Count > 0;
        }
    }

    /// <summary>A step that has begun to update its units and has not updated all, in words; null where there is none.</summary>
    public string? Partial
    {
        get
        {
            lock (_gate)
            {
                return _open.Find(step => step.IsTouched || step.Missing.Count < step.Units) is { } partial
                    ? $"its units are between steps {partial.Number - 1} and {partial.Number}" : null;
            }
        }
    }

    public void Begin(long step, IEnumerable<int> units)
    {
        lock (_gate)
        {
            var before = _open.Count > 0 ? _open[^1].Number : _last;
            if (step <= before) throw new InvalidOperationException($"step {step} cannot begin after step {before}");
            _open.Add(new OpenStep(step, [.. units]));
            Finish();
        }
    }

    /// <summary>A unit's update in its oldest open step begins.</summary>
    public void Touch(int unit)
    {
        lock (_gate)
        {
            if (_open.Find(step => step.Missing.Contains(unit)) is { } oldest) oldest.IsTouched = true;
        }
    }

    /// <summary>A unit is through its oldest open step.</summary>
    /// <returns>False where no open step updates it.</returns>
    public bool Advance(int unit)
    {
        lock (_gate)
        {
            if (_open.Find(step => step.Missing.Contains(unit)) is not { } oldest) return false;
            oldest.Missing.Remove(unit);
            Finish();
            return true;
        }
    }

    /// <summary>How many open steps, up to that one, still have to update a unit.</summary>
    public int CountOf(int unit, long step)
    {
        lock (_gate) return _open.Count(open => open.Number <= step && open.Missing.Contains(unit));
    }

    /// <summary>The last open step, up to that one, that still has to update a unit; null where none has.</summary>
    public long? LastOf(int unit, long step)
    {
        lock (_gate) return _open.FindLast(open => open.Number <= step && open.Missing.Contains(unit))?.Number;
    }

    public void Reset(long step)
    {
        lock (_gate)
        {
            _open.Clear();
            _last = step;
        }
    }

    private void Finish()
    {
        while (_open is [{ Missing.Count: 0, Number: var number }, ..])
        {
            _last = number;
            _open.RemoveAt(0);
        }
    }

    private sealed class OpenStep(long number, HashSet<int> missing)
    {
        public long Number { get; } = number;

        public int Units { get; } = missing.Count;

        public HashSet<int> Missing { get; } = missing;

        public bool IsTouched { get; set; }
    }
}
