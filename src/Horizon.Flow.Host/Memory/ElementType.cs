namespace Horizon.Flow.Host.Memory;

/// <summary>The type of one stored number, with the names that safetensors gives them.</summary>
public enum ElementType
{
    /// <summary>IEEE 754 binary32, 4 bytes.</summary>
    Float32,

    /// <summary>The upper half of a binary32, 2 bytes.</summary>
    BFloat16,

    /// <summary>IEEE 754 binary16, 2 bytes.</summary>
    Float16,

    /// <summary>Signed 64-bit integer, 8 bytes.</summary>
    Int64,

    /// <summary>Signed 32-bit integer, 4 bytes.</summary>
    Int32,

    /// <summary>Signed 16-bit integer, 2 bytes.</summary>
    Int16,

    /// <summary>Unsigned byte.</summary>
    UInt8,
}
