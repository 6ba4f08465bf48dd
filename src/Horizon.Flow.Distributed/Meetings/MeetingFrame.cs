using System.Buffers.Binary;
using System.Text;

namespace Horizon.Flow.Distributed;

/// <summary>What goes over a connection: a kind, a line and number, and parts. Little-endian; lengths first.</summary>
/// <param name="Kind">What it says.</param>
/// <param name="Line">The line of a meeting; the reason of an end.</param>
/// <param name="Number">The number of a meeting; a rank.</param>
/// <param name="Parts">Bytes.</param>
internal sealed record MeetingFrame(MeetingFrameKind Kind, string Line = "", long Number = 0, params byte[][] Parts)
{
    private const int HeadBytes = 1 + sizeof(int) + sizeof(long) + sizeof(int);
    private const int LongestLine = 1 << 16;
    private const int MostParts = 1 << 20;

    public async Task WriteAsync(Stream stream, CancellationToken cancellation)
    {
        var line = Encoding.UTF8.GetBytes(Line);
        var head = new byte[HeadBytes + line.Length + (Parts.Length * sizeof(long))];
        head[0] = (byte)Kind;
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(1), line.Length);
        BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(5), Number);
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(13), Parts.Length);
        line.CopyTo(head, HeadBytes);
        for (var i = 0; i < Parts.Length; i++) BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(HeadBytes + line.Length + (i * sizeof(long))), Parts[i].LongLength);
        await stream.WriteAsync(head, cancellation).ConfigureAwait(false);
        foreach (var part in Parts) await stream.WriteAsync(part, cancellation).ConfigureAwait(false);
        await stream.FlushAsync(cancellation).ConfigureAwait(false);
    }

    /// <exception cref="InvalidDataException">The bytes are no frame: something else speaks here.</exception>
    public static async Task<MeetingFrame> ReadAsync(Stream stream, CancellationToken cancellation)
    {
        var head = await ReadAsync(stream, HeadBytes, cancellation).ConfigureAwait(false);
        var (kind, line, number, count) = (
            (MeetingFrameKind)head[0], BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(1)), BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(5)),
            BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(13)));
        if (!Enum.IsDefined(kind) || line is < 0 or > LongestLine || count is < 0 or > MostParts) throw new InvalidDataException("what came is no message of a rank");
        var text = Encoding.UTF8.GetString(await ReadAsync(stream, line, cancellation).ConfigureAwait(false));
        var lengths = await ReadAsync(stream, count * sizeof(long), cancellation).ConfigureAwait(false);
        var parts = new byte[count][];
        for (var i = 0; i < count; i++)
        {
            var length = BinaryPrimitives.ReadInt64LittleEndian(lengths.AsSpan(i * sizeof(long)));
            if (length < 0 || length > Array.MaxLength) throw new InvalidDataException("what came is no message of a rank");
            parts[i] = await ReadAsync(stream, (int)length, cancellation).ConfigureAwait(false);
        }

        return new MeetingFrame(kind, text, number, parts);
    }

    private static async Task<byte[]> ReadAsync(Stream stream, int count, CancellationToken cancellation)
    {
        var bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes, cancellation).ConfigureAwait(false);
        return bytes;
    }
}
