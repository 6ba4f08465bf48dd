using System.Runtime.CompilerServices;

namespace Horizon.Flow.Host.Numerics;

/// <summary>How the methods with the inner loops are compiled.</summary>
internal static class Kernels
{
    /// <summary>
    /// Fully optimised at the first call, and on their own: merged into a caller, such a method can use up the compiler's budget for
    /// inlining, and every operation on lanes becomes a call, at a tenth of the speed.
    /// </summary>
    public const MethodImplOptions Loop = MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining;
}
