using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.Safetensors;

/// <summary>
/// The place of one parameter in a unit's store. Floats of any width become fp32 masters: stored as they are in fp32 mode, as bf16
/// rounding and difference (<see cref="ExactMaster"/>) in bf16 mode. Weights that are not finite are refused.
/// </summary>
/// <param name="unit">The unit's state.</param>
/// <param name="slot">A slot of its layout.</param>
/// <param name="pieces">Where the state is a slice of a unit, the pieces of the whole that it has: of the slot's elements it takes those that fall into them. Null where it is whole.</param>
/// <param name="mayGrow">Whether the tensor may have fewer rows.</param>
public sealed class SlotDestination(UnitState unit, ParameterSlot slot, IReadOnlyList<UnitPiece>? pieces = null, bool mayGrow = false) : ITensorDestination
{
    /// <summary>What 8-bit floats are multiplied by; read before the tensor. Null for floats that stand for themselves.</summary>
    internal WeightScales? Scales { get; init; }

    // 16 KiB of floats: stays in the first-level cache between conversion, check and split.
    private const int ScratchElements = 4096;

    /// <inheritdoc/>
    public void Begin(TensorInfo tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (Scales is null) FloatConversion.RequireFloats(tensor);
        if (!tensor.Shape.SequenceEqual(slot.TensorShape) && !(mayGrow && IsBeginning(tensor.Shape, slot.Shape)))
        {
            throw new HorizonException(
                $"tensor {tensor.Name.Shown()} is {tensor.Shape.Shown()} in {tensor.File} but config.json asks for {slot.TensorShape.Shown()}");
        }
    }

    /// <summary>Whether a shape is that of the first rows of another.</summary>
    internal static bool IsBeginning(IReadOnlyList<long> shape, IReadOnlyList<long> whole) =>
        shape.Count == whole.Count && shape.Count > 0 && shape[0] < whole[0] && shape.Skip(1).SequenceEqual(whole.Skip(1));

    /// <inheritdoc/>
    public void Write(TensorInfo tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        var elementSize = FloatConversion.ElementSize(tensor.Type);
        var element = byteOffset / elementSize;
        Span<float> scratch = stackalloc float[ScratchElements];
        while (!bytes.IsEmpty)
        {
            var values = scratch[..Math.Min(ScratchElements, bytes.Length / elementSize)];
            var taken = values.Length * elementSize;
            FloatConversion.ToFloat32(tensor.Type, bytes[..taken], values);
            Scales?.Multiply(element, values);
            Store(tensor, element, values);
            bytes = bytes[taken..];
            element += values.Length;
        }
    }

    private void Store(TensorInfo tensor, long element, ReadOnlySpan<float> values)
    {
        var bad = FloatConversion.IndexOfNotFinite(values, asBFloat16: unit.Precision == StorePrecision.Bf16);
        if (bad >= 0) throw Refusal(tensor, element + bad, values[bad]);
        // Of a tensor whose other rows lie elsewhere, what lies here.
        var own = new UnitPiece(slot.TensorOffset, slot.Count, slot.Offset).Within(element, values.Length);
        if (own.Count == 0) return;
        values = values.Slice((int)(own.First - element), (int)own.Count);
        var begin = own.Place;
        if (pieces is null)
        {
            unit.WriteMasters(begin, values);
            return;
        }

        foreach (var piece in pieces)
            if (piece.Within(begin, values.Length) is { Count: > 0 } taken) unit.WriteMasters(taken.Place, values.Slice((int)(taken.First - begin), (int)taken.Count));
    }

    private static HorizonException Refusal(TensorInfo tensor, long element, float value) => new(
        $"tensor {tensor.Name.Shown()} of {tensor.File} holds {value} at element {element}; " +
        (float.IsFinite(value)
            ? "no bf16 number is that large: set training.precision to fp32"
            : "weights must be finite: take undamaged files"));
}
