using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Host.Safetensors;

/// <summary>Host memory that takes a tensor's bytes as they are, of any type.</summary>
/// <param name="buffer">The memory.</param>
/// <param name="bufferOffset">Its first byte to write.</param>
public sealed class RawDestination(HostBuffer buffer, long bufferOffset = 0) : ITensorDestination
{
    /// <inheritdoc/>
    public void Begin(TensorInfo tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        var room = buffer.ByteLength - bufferOffset;
        if (tensor.ByteLength > room)
            throw new HorizonException($"tensor {tensor.Name.Shown()} of {tensor.File} has {tensor.ByteLength} bytes, not {room}");
    }

    /// <inheritdoc/>
    public void Write(TensorInfo tensor, long byteOffset, ReadOnlySpan<byte> bytes) =>
        bytes.CopyTo(buffer.Span<byte>(bufferOffset + byteOffset, bytes.Length));
}
