namespace Horizon.Flow.Text.Data;

/// <summary>Reads a stream, but no more than a ration of bytes until a new one is given: what is built from them may not grow without end.</summary>
internal sealed class RationedStream(Stream inner, long ration) : ReadStream(inner)
{
    private long _taken;

    /// <summary>Gives a new ration.</summary>
    public void Renew() => _taken = 0;

    /// <exception cref="IOException">The ration is used up.</exception>
    protected override void Took(int count)
    {
        _taken += count;
        if (_taken > ration) throw new IOException($"one record has more than {ration:N0} bytes; cut it into several");
    }
}
