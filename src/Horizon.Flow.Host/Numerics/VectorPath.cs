using System.Runtime.Intrinsics.X86;

namespace Horizon.Flow.Host.Numerics;

/// <summary>
/// Which instructions the sweeps use. Every path does the same operations in the same order and contracts none of them
/// into a fused multiply-add, so that all paths are bitwise equal, also on processors that have no such instruction; a
/// sweep waits for memory, not for the multiplier.
/// </summary>
internal enum VectorPath
{
    /// <summary>One element at a time, any processor.</summary>
    Portable,

    /// <summary>8 elements at a time.</summary>
    Avx2,

    /// <summary>16 elements at a time; needs the F, BW and DQ parts.</summary>
    Avx512,
}

/// <summary>What this processor can do.</summary>
internal static class VectorPaths
{
    /// <summary>The paths that run here, slowest first.</summary>
    public static IReadOnlyList<VectorPath> Supported { get; } =
        [.. Enum.GetValues<VectorPath>().Where(path => path switch
        {
            VectorPath.Avx512 => Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported,
            VectorPath.Avx2 => Avx2.IsSupported,
            _ => true,
        })];

    /// <summary>The fastest path, chosen once at start.</summary>
    public static VectorPath Best { get; } = Supported[^1];
}
