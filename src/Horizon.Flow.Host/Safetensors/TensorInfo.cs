namespace Horizon.Flow.Host.Safetensors;

/// <summary>One tensor of a safetensors file, as its checked header describes it.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="Type">The type of its elements.</param>
/// <param name="Shape">Its dimensions, row-major; empty for a scalar.</param>
/// <param name="Offset">First byte in the file.</param>
/// <param name="ByteLength">Bytes in the file.</param>
/// <param name="File">The file's path.</param>
public sealed record TensorInfo(string Name, SafetensorsType Type, IReadOnlyList<long> Shape, long Offset, long ByteLength, string File)
{
    /// <summary>Number of elements.</summary>
    public long Count { get; } = Shape.Aggregate(1L, (product, extent) => checked(product * extent));

    /// <inheritdoc/>
    public override string ToString() => $"{Name.Shown()} {Type} {Shape.Shown()}";
}
