using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>What is known of a format.</summary>
internal static class Fp8Formats
{
    /// <summary>The largest number.</summary>
    public static float Largest(this Fp8Format format) => format == Fp8Format.E4M3 ? 448 : 57_344;

    /// <summary>The type of its tensors, which TorchSharp has no name for: Float8_e4m3fn and Float8_e5m2 of c10/core/ScalarType.h.</summary>
    public static ScalarType TorchType(this Fp8Format format) => (ScalarType)(format == Fp8Format.E4M3 ? 24 : 23);
}
