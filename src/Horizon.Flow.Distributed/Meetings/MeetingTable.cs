namespace Horizon.Flow.Distributed;

/// <summary>The meetings under way, by line and number: what has been brought, and who waits.</summary>
internal sealed class MeetingTable(int count)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Line, long Number), byte[][]?[]> _open = [];

    /// <summary>Takes what a rank brings.</summary>
    /// <returns>Once all have come, [Count]: the parts of each rank; else null.</returns>
    public byte[][]?[]? Bring(int rank, string line, long number, byte[][] parts)
    {
        if (parts.Length != 1 && parts.Length != count) throw new ArgumentException($"a rank brings one part for all or {count}, not {parts.Length}", nameof(parts));
        lock (_gate)
        {
            if (!_open.TryGetValue((line, number), out var brought)) _open.Add((line, number), brought = new byte[count][][]);
            if (brought[rank] is not null) throw new InvalidOperationException($"rank {rank} came twice to meeting {number} of '{line}'");
            brought[rank] = parts;
            if (brought.Any(one => one is null)) return null;
            _open.Remove((line, number));
            return brought;
        }
    }

    /// <summary>What everybody brought for one rank.</summary>
    public static byte[][] For(int rank, byte[][]?[] brought) => [.. brought.Select(parts => parts!.Length == 1 ? parts[0] : parts[rank])];

    /// <summary>A meeting for which one of these ranks is missing, in words; null where there is none.</summary>
    public string? WaitsFor(int rank)
    {
        lock (_gate)
        {
            foreach (var ((line, _), brought) in _open)
                if (brought[rank] is null) return line;
            return null;
        }
    }
}
