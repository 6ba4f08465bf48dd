using System.IO.Hashing;
using Horizon.Flow.Host.Safetensors;

namespace Horizon.Flow.Host.Checkpoints;

/// <summary>Takes the checksum of what goes by.</summary>
internal sealed class HashingDestination(ITensorDestination inner, XxHash128 hash) : ITensorDestination
{
    public void Begin(TensorInfo tensor) => inner.Begin(tensor);

    public void Write(TensorInfo tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        hash.Append(bytes);
        inner.Write(tensor, byteOffset, bytes);
    }
}
