namespace Horizon.Flow.Host.Workers;

/// <summary>What a team of threads does with each chunk of a flat buffer. A struct, so that a sweep allocates nothing.</summary>
public interface ISweepKernel
{
    /// <summary>Works on one chunk. Called from several threads at once, each chunk once, in no order.</summary>
    /// <param name="chunk">The chunk's index.</param>
    /// <param name="first">Its first element.</param>
    /// <param name="count">Its elements.</param>
    void Run(long chunk, long first, int count);
}
