using System.Runtime.InteropServices;

namespace Horizon.Flow.Devices;

/// <summary>Large sweeps over host memory on several threads: one thread cannot use all of a machine's memory bandwidth.</summary>
internal static unsafe class HostCopy
{
    private const long Piece = 4L << 20;
    private const long TouchedPiece = 32L << 20;
    private const int Page = 4096;

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

    /// <summary>Writes zeros.</summary>
    public static void Clear(nint address, long bytes)
    {
        if (bytes <= 2 * Piece)
        {
            NativeMemory.Clear((void*)address, (nuint)bytes);
            return;
        }

        Parallel.For(0, (bytes + Piece - 1) / Piece, index => NativeMemory.Clear((byte*)address + (index * Piece), (nuint)Math.Min(Piece, bytes - (index * Piece))));
    }

    /// <summary>Has every page taken from the system, by all processors. Changes no content.</summary>
    public static void Touch(nint address, long bytes) => Parallel.For(0, (bytes + TouchedPiece - 1) / TouchedPiece, index =>
    {
        var end = Math.Min(bytes, (index + 1) * TouchedPiece);
        // Zero for zero, atomically: another thread may be writing there.
        for (var offset = index * TouchedPiece; offset < end; offset += Page) Interlocked.CompareExchange(ref ((byte*)address)[offset], 0, 0);
    });

    private static void CopyPiece(nint source, nint target, long bytes, long offset, long length)
    {
        length = Math.Min(length, bytes - offset);
        Buffer.MemoryCopy((byte*)source + offset, (byte*)target + offset, length, length);
    }
}
