namespace Horizon.Flow.Distributed;

/// <summary>What one rank waits for at its meetings, and the end of all of them.</summary>
internal sealed class MeetingWaits : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _numbers = [];
    private readonly Dictionary<(string Line, long Number), TaskCompletionSource<byte[][]>> _waits = [];
    private readonly CancellationTokenSource _ended = new();
    private string? _why;

    public CancellationToken Ended => _ended.Token;

    public string? Why => Volatile.Read(ref _why);

    /// <summary>The next meeting of a line, and what ends with it.</summary>
    public (long Number, Task<byte[][]> Home) Next(string line)
    {
        lock (_gate)
        {
            if (_why is not null) throw new HorizonException(_why);
            var number = _numbers.GetValueOrDefault(line);
            _numbers[line] = number + 1;
            var wait = new TaskCompletionSource<byte[][]>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waits.Add((line, number), wait);
            return (number, wait.Task);
        }
    }

    public void TakeHome(string line, long number, byte[][] parts)
    {
        TaskCompletionSource<byte[][]>? wait;
        lock (_gate) _waits.Remove((line, number), out wait);
        wait?.TrySetResult(parts);
    }

    /// <summary>Ends all waits, those to come as well.</summary>
    /// <returns>Whether this was the first reason.</returns>
    public bool End(string why)
    {
        List<TaskCompletionSource<byte[][]>> waits;
        lock (_gate)
        {
            if (_why is not null) return false;
            Volatile.Write(ref _why, why);
            waits = [.. _waits.Values];
            _waits.Clear();
        }

        foreach (var wait in waits)
        {
            wait.TrySetException(new HorizonException(why));
            _ = wait.Task.Exception; // observed here: not everybody awaits
        }

        _ended.Cancel();
        return true;
    }

    public void Dispose() => _ended.Dispose();
}
