namespace Horizon.Flow.Runs.Generation;

/// <summary>Ends a text that comes in pieces in front of a stop string: what may be the beginning of one is held back.</summary>
/// <param name="stops">The strings; empty ones are passed over.</param>
public sealed class StopText(IReadOnlyList<string> stops)
{
    private string _held = "";

    /// <summary>Whether a stop string was found.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>Takes a piece; gives what is sure to stay.</summary>
    public string Append(string piece)
    {
        ArgumentNullException.ThrowIfNull(piece);
        _held += piece;
        var first = stops.Where(stop => stop.Length > 0).Select(stop => _held.IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(-1).Min();
        IsStopped = first >= 0;
        return Take(IsStopped ? first : _held.Length - Unsure());
    }

    /// <summary>What is held back, at the end.</summary>
    public string Flush() => IsStopped ? "" : Take(_held.Length);

    private string Take(int length)
    {
        var taken = _held[..length];
        _held = _held[length..];
        return taken;
    }

    // The longest end of what is held that begins a stop string.
    private int Unsure()
    {
        for (var length = Math.Min(_held.Length, stops.Select(stop => stop.Length).DefaultIfEmpty().Max() - 1); length > 0; length--)
            if (stops.Any(stop => stop.Length > length && stop.StartsWith(_held[^length..], StringComparison.Ordinal))) return length;
        return 0;
    }
}
