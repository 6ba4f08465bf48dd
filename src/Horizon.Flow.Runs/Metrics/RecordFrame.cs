using System.Buffers.Binary;
using System.Numerics;

namespace Horizon.Flow.Runs.Metrics;

/// <summary>
/// A record of a TFRecord file: its length in 8 bytes, their checksum in 4, the data, and their checksum in 4, all little-endian. Checksums are CRC-32C, rotated
/// and shifted so that data which themselves hold checksums are checked well ("masked"). Source: tensorflow/core/lib/io/record_writer.h.
/// </summary>
internal static class RecordFrame
{
    /// <summary>Bytes of a frame beside its data.</summary>
    public const int Overhead = HeadLength + sizeof(uint);

    private const int HeadLength = sizeof(ulong) + sizeof(uint);
    private const uint MaskDelta = 0xa282ead8;

    /// <summary>The framed record.</summary>
    public static byte[] Of(ReadOnlySpan<byte> data)
    {
        var frame = new byte[data.Length + Overhead];
        BinaryPrimitives.WriteUInt64LittleEndian(frame, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(sizeof(ulong)), Checksum(frame.AsSpan(0, sizeof(ulong))));
        data.CopyTo(frame.AsSpan(HeadLength));
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(HeadLength + data.Length), Checksum(data));
        return frame;
    }

    /// <summary>The bytes of a file's whole records: what comes after them is cut off or damaged.</summary>
    public static long WholeLength(FileStream file, int longestData)
    {
        var whole = 0L;
        var head = new byte[HeadLength];
        file.Seek(0, SeekOrigin.Begin);
        while (file.ReadAtLeast(head, HeadLength, throwOnEndOfStream: false) == HeadLength)
        {
            var length = BinaryPrimitives.ReadUInt64LittleEndian(head);
            if (length > (ulong)longestData || BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(sizeof(ulong))) != Checksum(head.AsSpan(0, sizeof(ulong)))) break;
            var rest = new byte[length + sizeof(uint)];
            if (file.ReadAtLeast(rest, rest.Length, throwOnEndOfStream: false) != rest.Length) break;
            if (BinaryPrimitives.ReadUInt32LittleEndian(rest.AsSpan((int)length)) != Checksum(rest.AsSpan(0, (int)length))) break;
            whole += HeadLength + rest.Length;
        }

        return whole;
    }

    private static uint Checksum(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var one in data) crc = BitOperations.Crc32C(crc, one);
        return BitOperations.RotateRight(~crc, 15) + MaskDelta;
    }
}
