using Horizon.Flow.Host.Memory;
using static TorchSharp.torch;

namespace Horizon.Flow.Devices;

/// <summary>The element types as TorchSharp names them.</summary>
public static class TorchElementTypes
{
    /// <summary>The element type of a tensor type.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Copies do not know the type.</exception>
    public static ElementType ToElementType(this ScalarType type)
    {
        foreach (var element in Enum.GetValues<ElementType>())
            if (element.ToScalarType() == type) return element;
        throw new ArgumentOutOfRangeException(nameof(type), type, "no element type of buffers");
    }

    /// <summary>The tensor type of an element type.</summary>
    public static ScalarType ToScalarType(this ElementType type) => type switch
    {
        ElementType.Float32 => ScalarType.Float32,
        ElementType.BFloat16 => ScalarType.BFloat16,
        ElementType.Float16 => ScalarType.Float16,
        ElementType.Int64 => ScalarType.Int64,
        ElementType.Int32 => ScalarType.Int32,
        ElementType.Int16 => ScalarType.Int16,
        ElementType.UInt8 => ScalarType.Byte,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "unknown element type"),
    };
}
