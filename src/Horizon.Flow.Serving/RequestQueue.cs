namespace Horizon.Flow.Serving;

/// <summary>One request at a time has the model; a bounded number of others wait for it, in their order.</summary>
/// <param name="longest">How many may wait.</param>
internal sealed class RequestQueue(int longest) : IDisposable
{
    private readonly SemaphoreSlim _model = new(1, 1);
    private int _inside;

    /// <summary>Waits for the model; disposing what it gives lets the next one have it.</summary>
    /// <exception cref="RequestException">Too many wait already.</exception>
    public async Task<IDisposable> EnterAsync(CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _inside) > longest + 1)
        {
            Interlocked.Decrement(ref _inside);
            throw new RequestException(429, $"{longest} requests wait already; come again later.", code: "queue_full");
        }

        try
        {
            await _model.WaitAsync(cancellation).ConfigureAwait(false);
            return new Turn(this);
        }
        catch
        {
            Interlocked.Decrement(ref _inside);
            throw;
        }
    }

    public void Dispose() => _model.Dispose();

    private sealed class Turn(RequestQueue queue) : IDisposable
    {
        public void Dispose()
        {
            Interlocked.Decrement(ref queue._inside);
            queue._model.Release();
        }
    }
}
