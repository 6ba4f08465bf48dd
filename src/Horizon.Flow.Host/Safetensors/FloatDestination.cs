namespace Horizon.Flow.Host.Safetensors;

/// <summary>Plain fp32 memory for a tensor of floats. Infinities and NaN pass.</summary>
/// <param name="values">As many floats as the tensor has elements.</param>
public sealed class FloatDestination(Memory<float> values) : ITensorDestination
{
    /// <inheritdoc/>
    public void Begin(TensorInfo tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        FloatConversion.RequireFloats(tensor);
        if (tensor.Count != values.Length)
            throw new HorizonException($"tensor {tensor.Name.Shown()} of {tensor.File} has {tensor.Count} elements, not {values.Length}");
    }

    /// <inheritdoc/>
    public void Write(TensorInfo tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        var elementSize = FloatConversion.ElementSize(tensor.Type);
        var piece = values.Span.Slice((int)(byteOffset / elementSize), bytes.Length / elementSize);
        FloatConversion.ToFloat32(tensor.Type, bytes, piece);
    }
}
