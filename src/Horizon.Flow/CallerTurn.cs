namespace Horizon.Flow;

/// <summary>Lets one caller at a time send into a run: the visits of two would mix, and no step would come out whole.</summary>
internal sealed class CallerTurn
{
    private string? _caller;

    /// <summary>Enters, until the result is disposed.</summary>
    /// <param name="caller">The method, for the message to the one who comes second.</param>
    /// <exception cref="InvalidOperationException">Another caller is inside.</exception>
    public IDisposable Enter(string caller)
    {
        if (Interlocked.CompareExchange(ref _caller, caller, null) is { } other)
            throw new InvalidOperationException($"{caller} was called while {other} of another caller is still sending its micro-batches; a run takes one caller at a time: await the first call");
        return new Inside(this);
    }

    private sealed class Inside(CallerTurn turn) : IDisposable
    {
        public void Dispose() => Volatile.Write(ref turn._caller, null);
    }
}
