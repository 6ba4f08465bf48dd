using System.Runtime.InteropServices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.Safetensors;

/// <summary>One tensor to be written: what the header says of it, and who supplies its bytes.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Type">The type of its elements; of whole bytes.</param>
/// <param name="Shape">Its dimensions, row-major.</param>
/// <param name="Fill">Supplies the bytes, piece by piece, in order, from one thread at a time.</param>
public sealed record TensorPart(string Name, SafetensorsType Type, IReadOnlyList<long> Shape, TensorFill Fill)
{
    /// <summary>Bytes of the tensor.</summary>
    public long ByteLength { get; } = Shape.Aggregate(Type.BitSize() / 8L, (product, extent) => checked(product * extent));

    /// <summary>A parameter of the store, read while it is written: it must not change meanwhile.</summary>
    /// <param name="unit">The unit's state.</param>
    /// <param name="slot">A slot of its layout; its <see cref="ParameterSlot.TensorName"/> becomes the name.</param>
    /// <param name="type">
    /// <see cref="ElementType.Float32"/>: the exact master. <see cref="ElementType.BFloat16"/>: its rounding (to nearest, ties away
    /// from zero, as the store itself rounds). Null: the store's own type.
    /// </param>
    public static TensorPart FromSlot(UnitState unit, ParameterSlot slot, ElementType? type = null)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(slot);
        TensorFill fill = (type ?? unit.WeightType, unit.Precision) switch
        {
            (ElementType.Float32, StorePrecision.Fp32) => (offset, bytes) => FillRaw(unit.Weights, (slot.Offset * 4) + offset, bytes),
            (ElementType.BFloat16, StorePrecision.Bf16) => (offset, bytes) => FillRaw(unit.Weights, (slot.Offset * 2) + offset, bytes),
            (ElementType.Float32, StorePrecision.Bf16) => (offset, bytes) => unit.ReadMasters(slot.Offset + (offset / 4), MemoryMarshal.Cast<byte, float>(bytes)),
            (ElementType.BFloat16, StorePrecision.Fp32) => (offset, bytes) => FillRounded(unit.Weights, slot.Offset + (offset / 2), bytes),
            _ => throw new ArgumentOutOfRangeException(nameof(type), type, "weights are written as Float32 or BFloat16"),
        };
        return new TensorPart(slot.TensorName, (type ?? unit.WeightType).ToSafetensors(), slot.Shape, fill);
    }

    /// <summary>The tensors of a model folder: parts that are rows of one tensor (<see cref="ParameterSlot.Rows"/>) become that one, in the place of the first.</summary>
    /// <param name="parts">Each parameter's part, named by its <see cref="ParameterSlot.TensorName"/>, in the model's order; rows of a tensor in theirs.</param>
    /// <exception cref="HorizonException">Rows of a tensor are missing, or not in their order.</exception>
    public static IReadOnlyList<TensorPart> Whole(IEnumerable<(ParameterSlot Slot, TensorPart Part)> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        return [.. parts.GroupBy(entry => entry.Part.Name).Select(tensor => tensor.First().Slot.Rows is null ? tensor.Single().Part : Joined([.. tensor]))];
    }

    private static TensorPart Joined(IReadOnlyList<(ParameterSlot Slot, TensorPart Part)> parts)
    {
        var (slot, first) = parts[0];
        var ends = new long[parts.Count];
        for (var i = 0; i < parts.Count; i++)
        {
            var begin = i == 0 ? 0 : ends[i - 1];
            if (parts[i].Slot.TensorOffset * first.Type.BitSize() / 8 != begin) throw new HorizonException($"the rows of {slot.TensorName} do not follow one another");
            ends[i] = begin + parts[i].Part.ByteLength;
        }

        var whole = new TensorPart(first.Name, first.Type, slot.TensorShape, Fill);
        return whole.ByteLength == ends[^1] ? whole : throw new HorizonException($"{slot.TensorName} lacks rows");

        void Fill(long offset, Span<byte> bytes)
        {
            for (var i = 0; i < parts.Count && bytes.Length > 0; i++)
            {
                if (offset >= ends[i]) continue;
                var count = (int)Math.Min(bytes.Length, ends[i] - offset);
                parts[i].Part.Fill(offset - ends[i] + parts[i].Part.ByteLength, bytes[..count]);
                bytes = bytes[count..];
                offset += count;
            }
        }
    }

    /// <summary>A buffer's bytes as they are.</summary>
    /// <param name="name">The name in the file.</param>
    /// <param name="type">The type of the elements.</param>
    /// <param name="shape">The dimensions.</param>
    /// <param name="buffer">The memory; it must not change while it is written.</param>
    /// <param name="bufferOffset">Its first byte to write.</param>
    public static TensorPart FromBuffer(
        string name, ElementType type, IReadOnlyList<long> shape, HostBuffer buffer, long bufferOffset = 0) =>
        new(name, type.ToSafetensors(), shape, (offset, bytes) => FillRaw(buffer, bufferOffset + offset, bytes));

    private static void FillRaw(HostBuffer buffer, long byteOffset, Span<byte> bytes) =>
        buffer.Span<byte>(byteOffset, bytes.Length).CopyTo(bytes);

    private static void FillRounded(HostBuffer weights, long element, Span<byte> bytes)
    {
        var rounded = MemoryMarshal.Cast<byte, ushort>(bytes);
        BFloat16Conversion.Round(weights.Span<uint>(element, rounded.Length), rounded);
    }
}
