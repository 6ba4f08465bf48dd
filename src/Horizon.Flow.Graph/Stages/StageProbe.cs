namespace Horizon.Flow.Graph;

/// <summary>
/// Measures one stage: how long its body worked, waited for credits, had no input, or could not start because its own output
/// was not taken. Costs two clock readings a message.
/// </summary>
public sealed class StageProbe
{
    private readonly Lock _gate = new();
    private readonly Action<StageSpan>? _onSpan;
    private readonly HashSet<StageCall> _running = [];
    private long _lastEnd;
    private int _working;
    private StageShares _sum;

    /// <summary>Creates a probe.</summary>
    /// <param name="stage">The stage's name.</param>
    /// <param name="time">The clock; the system's by default.</param>
    /// <param name="onSpan">Is told of each message; must be quick and must not throw.</param>
    public StageProbe(string stage, TimeProvider? time = null, Action<StageSpan>? onSpan = null)
    {
        Stage = stage;
        Time = time ?? TimeProvider.System;
        _onSpan = onSpan;
        _lastEnd = Time.GetTimestamp();
    }

    /// <summary>The stage's name.</summary>
    public string Stage { get; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>What was measured so far.</summary>
    public StageShares Shares
    {
        get
        {
            lock (_gate) return _sum;
        }
    }

    /// <summary>Bodies that run now, or wait for something outside the graph; those that wait for a credit, a version or a turn are not counted.</summary>
    public int Working => Volatile.Read(ref _working);

    /// <summary>The messages in hand now, in words.</summary>
    internal IReadOnlyList<string> InHand
    {
        get
        {
            lock (_gate) return [.. _running.Select(call => call.Message is { } message ? $"unit '{message.UnitName}' of step {message.Step}" : "a message")];
        }
    }

    /// <summary>Whether somebody is told of each message's stay.</summary>
    internal bool TellsSpans => _onSpan is not null;

    internal void AddWorking(int change) => Interlocked.Add(ref _working, change);

    internal void AddMissed()
    {
        lock (_gate) _sum = _sum with { Missed = _sum.Missed + 1 };
    }

    internal void Enter(StageCall call)
    {
        AddWorking(1);
        lock (_gate) _running.Add(call);
    }

    internal void Leave(StageCall call, long start, long end)
    {
        AddWorking(-1);
        var (message, waited) = (call.Message, call.WaitedTicks);
        lock (_gate)
        {
            _running.Remove(call);
            var gap = Math.Max(0, start - _lastEnd);
            // The message was ready before this stage had finished the last one: then the stage itself could not go on.
            var starved = message is null ? gap : Math.Clamp(message.ReadyTimestamp - _lastEnd, 0, gap);
            _sum = new StageShares(
                _sum.Messages + 1,
                _sum.Busy + Time.GetElapsedTime(0, end - start - waited),
                _sum.Waiting + Time.GetElapsedTime(0, waited),
                _sum.Starved + Time.GetElapsedTime(0, starved),
                _sum.Blocked + Time.GetElapsedTime(0, gap - starved))
            {
                Missed = _sum.Missed,
            };
            _lastEnd = Math.Max(_lastEnd, end);
        }

        _onSpan?.Invoke(new StageSpan(Stage, message, start, end, waited) { Waits = call.Waits ?? [] });
    }
}
