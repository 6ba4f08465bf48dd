namespace Horizon.Flow;

/// <summary>Copies within host memory, large ones on several threads: one thread cannot use all of a machine's memory bandwidth.</summary>
internal static unsafe class HostCopy
{
    private const long Piece = 4L << 20;

    /// <summary>Copies <paramref name="bytes"/> between blocks that do not overlap.</summary>
    public static void Copy(nint source, nint target, long bytes)
    {
        if (bytes <= 2 * Piece)
        {
            CopyPiece(source, target, bytes, 0, bytes);
            return;
        }

        Parallel.For(0, (bytes + Piece - 1) / Piece, index => CopyPiece(source, target, bytes, index * Piece, Piece));
    }

    private static void CopyPiece(nint source, nint target, long bytes, long offset, long length)
    {
        length = Math.Min(length, bytes - offset);
        Buffer.MemoryCopy((byte*)source + offset, (byte*)target + offset, length, length);
    }
}
