using System.Collections.Frozen;
using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Host.Safetensors;

/// <summary>Sizes of the safetensors types, and what the store's types are called in a file.</summary>
public static class SafetensorsTypes
{
    private static readonly FrozenDictionary<string, SafetensorsType> ByName =
        Enum.GetValues<SafetensorsType>().ToFrozenDictionary(type => type.ToString(), StringComparer.Ordinal);

    /// <summary>The type that a header calls <paramref name="name"/> (upper case, as the format writes it).</summary>
    public static bool TryParse(string name, out SafetensorsType type) => ByName.TryGetValue(name, out type);

    /// <summary>Bits of one element.</summary>
    public static int BitSize(this SafetensorsType type) => type switch
    {
        SafetensorsType.F4 => 4,
        SafetensorsType.F6_E2M3 or SafetensorsType.F6_E3M2 => 6,
        <= SafetensorsType.I8 => 8,
        <= SafetensorsType.BF16 => 16,
        <= SafetensorsType.F32 => 32,
        _ => 64,
    };

    /// <summary>What safetensors calls a type of the store.</summary>
    public static SafetensorsType ToSafetensors(this ElementType type) => type switch
    {
        ElementType.Float32 => SafetensorsType.F32,
        ElementType.BFloat16 => SafetensorsType.BF16,
        ElementType.Float16 => SafetensorsType.F16,
        ElementType.Int64 => SafetensorsType.I64,
        ElementType.Int32 => SafetensorsType.I32,
        ElementType.Int16 => SafetensorsType.I16,
        ElementType.UInt8 => SafetensorsType.U8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "unknown element type"),
    };
}
