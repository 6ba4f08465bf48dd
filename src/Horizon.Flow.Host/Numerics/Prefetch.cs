using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Horizon.Flow.Host.Numerics;

/// <summary>Asks for what a sweep reads next: several streams at once are more than a processor's own prefetcher follows.</summary>
internal static unsafe class Prefetch
{
    /// <summary>Elements between two requests: a cache line of bf16.</summary>
    public const int Line = 32;

    /// <summary>Elements from what is at work to what is asked for.</summary>
    public const int Ahead = 1024;

    /// <summary>Asks for <see cref="Line"/> elements.</summary>
    /// <param name="stream">First element of all.</param>
    /// <param name="index">First that is asked for.</param>
    /// <param name="elementBytes">2 or 4; 0 for none.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Request(void* stream, long index, int elementBytes)
    {
        if (elementBytes == 0 || !Sse.IsSupported) return;
        var line = (byte*)stream + (index * elementBytes);
        Sse.Prefetch0(line);
        if (elementBytes > 2) Sse.Prefetch0(line + 64);
    }
}
