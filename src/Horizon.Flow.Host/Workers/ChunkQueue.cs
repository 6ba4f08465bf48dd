using System.Runtime.InteropServices;

namespace Horizon.Flow.Host.Workers;

/// <summary>The chunks of one node that no thread has begun; any thread may take the next one.</summary>
[StructLayout(LayoutKind.Sequential)]
internal sealed class ChunkQueue
{
#pragma warning disable CS0169, IDE0051 // Padding keeps the counters of two nodes out of one cache line.
    private readonly Int128 _before1, _before2, _before3, _before4;
    private long _next;
    private long _end;
    private readonly Int128 _after1, _after2, _after3, _after4;
#pragma warning restore CS0169, IDE0051

    /// <summary>Fills the queue with the chunks from <paramref name="first"/> up to, not including, <paramref name="end"/>.</summary>
    public void Reset(long first, long end) => (_next, _end) = (first, end);

    /// <summary>Takes the next chunk; false when none is left.</summary>
    public bool TryTake(out long chunk)
    {
        chunk = Interlocked.Increment(ref _next) - 1;
        return chunk < Volatile.Read(ref _end);
    }

    /// <summary>Drops what has not begun.</summary>
    public void Clear() => Volatile.Write(ref _end, 0);
}
