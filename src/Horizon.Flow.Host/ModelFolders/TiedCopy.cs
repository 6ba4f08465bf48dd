using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.ModelFolders;

/// <summary>Measures how far a tensor of a file is from the parameter of the store that stands in its place; changes nothing.</summary>
/// <param name="unit">The unit's state.</param>
/// <param name="slot">A slot of its layout, of as many elements.</param>
internal sealed class TiedCopy(UnitState unit, ParameterSlot slot) : ITensorDestination
{
    private const int ScratchElements = 4096;

    private double _differences;
    private double _squares;

    /// <summary>The difference's norm, relative to the parameter's.</summary>
    public double Distance => _differences == 0 ? 0 : Math.Sqrt(_differences / _squares);

    public void Begin(TensorInfo tensor) => FloatConversion.RequireFloats(tensor);

    public void Write(TensorInfo tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        var elementSize = FloatConversion.ElementSize(tensor.Type);
        var element = byteOffset / elementSize;
        Span<float> theirs = stackalloc float[ScratchElements];
        Span<float> ours = stackalloc float[ScratchElements];
        while (!bytes.IsEmpty)
        {
            var count = Math.Min(ScratchElements, bytes.Length / elementSize);
            FloatConversion.ToFloat32(tensor.Type, bytes[..(count * elementSize)], theirs[..count]);
            unit.ReadMasters(slot.Offset + element, ours[..count]);
            for (var i = 0; i < count; i++)
            {
                var difference = (double)theirs[i] - ours[i];
                _differences += difference * difference;
                _squares += (double)ours[i] * ours[i];
            }

            bytes = bytes[(count * elementSize)..];
            element += count;
        }
    }
}
