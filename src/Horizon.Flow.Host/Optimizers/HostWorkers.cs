namespace Horizon.Flow.Host;

/// <summary>
/// A fixed team of threads that sweep flat buffers in chunks. Chunk boundaries depend on the length alone, so results do
/// not depend on the thread count.
/// </summary>
public sealed class HostWorkers : IDisposable
{
    /// <summary>Elements of one chunk.</summary>
    public const int ChunkElements = 65536;

    /// <summary>Creates the team.</summary>
    /// <param name="threads">At least 1; the processor count by default.</param>
    public HostWorkers(int? threads = null)
    {
        Threads = threads ?? Environment.ProcessorCount;
        ArgumentOutOfRangeException.ThrowIfLessThan(Threads, 1, nameof(threads));
    }

    /// <summary>Threads that run chunks.</summary>
    public int Threads { get; }

    /// <summary>Runs <paramref name="sweep"/> for each chunk of <paramref name="count"/> elements: (chunk index, first element, elements).</summary>
    public void Sweep(long count, Action<long, long, int> sweep)
    {
        ArgumentNullException.ThrowIfNull(sweep);
        var chunks = (count + ChunkElements - 1) / ChunkElements;
        void Run(long chunk) => sweep(chunk, chunk * ChunkElements, (int)Math.Min(ChunkElements, count - (chunk * ChunkElements)));
        if (Threads == 1 || chunks == 1)
            for (long chunk = 0; chunk < chunks; chunk++) Run(chunk);
        else
            Parallel.For(0, chunks, new ParallelOptions { MaxDegreeOfParallelism = Threads }, Run);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
