using System.Runtime.CompilerServices;

namespace Horizon.Flow.Distributed;

/// <summary>ncclUniqueId: what the ranks of one communicator share.</summary>
internal unsafe struct NcclUniqueId
{
    public const int ByteLength = 128;

    public fixed byte Bytes[ByteLength];

    public static NcclUniqueId Of(ReadOnlySpan<byte> bytes)
    {
        NcclUniqueId id = default;
        bytes.CopyTo(new Span<byte>(Unsafe.AsPointer(ref id.Bytes[0]), ByteLength));
        return id;
    }

    public readonly byte[] ToArray()
    {
        fixed (byte* bytes = Bytes) return new ReadOnlySpan<byte>(bytes, ByteLength).ToArray();
    }
}
