using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Safetensors;

namespace Horizon.Flow.Host.Checkpoints;

/// <summary>Host memory that takes of a tensor's bytes those that fall into its range, as they are.</summary>
/// <param name="buffer">The memory.</param>
/// <param name="offset">Its first byte to write.</param>
/// <param name="length">Bytes of the range.</param>
/// <param name="first">Where the tensor's first byte lies, counted from the beginning of the range; may lie outside.</param>
internal sealed class PieceDestination(HostBuffer buffer, long offset, long length, long first) : ITensorDestination
{
    /// <summary>Whether any byte of a tensor of that length falls into the range; one without bytes does where it lies.</summary>
    public bool Wants(long byteLength) => first < length && first + byteLength > 0;

    public void Begin(TensorInfo tensor)
    {
    }

    public void Write(TensorInfo tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        var begin = first + byteOffset;
        var (from, end) = (Math.Max(0, begin), Math.Min(length, begin + bytes.Length));
        if (from >= end) return;
        bytes[(int)(from - begin)..(int)(end - begin)].CopyTo(buffer.Span<byte>(offset + from, (int)(end - from)));
    }
}
