using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Horizon.Flow.Host.Safetensors;

/// <summary>
/// Streams a safetensors file. The header is known before the first tensor, so that nothing but one piece is held in memory. The same
/// parts give the same bytes, and those of the reference implementation where the parts come in its order.
/// </summary>
public static class SafetensorsWriter
{
    // A multiple of 8, the largest element.
    private const int PieceBytes = 1 << 20;
    private const int Alignment = 8;

    /// <summary>The order in which the reference implementation lays tensors out: wide elements first, then by name.</summary>
    public static IReadOnlyList<TensorPart> InStandardOrder(IEnumerable<TensorPart> parts) =>
        [.. parts.OrderByDescending(part => part.Type.BitSize()).ThenBy(part => part.Name, StringComparer.Ordinal)];

    /// <summary>Bytes of the file that these parts make.</summary>
    /// <exception cref="ArgumentException">Two parts have the same name.</exception>
    public static long FileLength(IReadOnlyList<TensorPart> parts, IReadOnlyDictionary<string, string>? metadata = null) =>
        Header(parts, metadata).Length + parts.Sum(part => part.ByteLength);

    /// <summary>Writes length, header and the parts in the order given, and flushes; does not complete the writer.</summary>
    /// <param name="writer">Where the bytes go.</param>
    /// <param name="parts">The tensors.</param>
    /// <param name="metadata">Text for <c>__metadata__</c>; null for none.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <exception cref="ArgumentException">Two parts have the same name, or a name is <c>__metadata__</c>.</exception>
    public static async Task WriteAsync(
        PipeWriter writer,
        IReadOnlyList<TensorPart> parts,
        IReadOnlyDictionary<string, string>? metadata = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(parts);
        writer.Write(Header(parts, metadata));
        foreach (var part in parts)
        {
            for (long done = 0; done < part.ByteLength;)
            {
                var piece = (int)Math.Min(PieceBytes, part.ByteLength - done);
                part.Fill(done, writer.GetSpan(piece)[..piece]);
                writer.Advance(piece);
                done += piece;
                var result = await writer.FlushAsync(cancellationToken).ConfigureAwait(false);
                if (result.IsCompleted) return;
            }
        }

        await writer.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private static byte[] Header(IReadOnlyList<TensorPart> parts, IReadOnlyDictionary<string, string>? metadata)
    {
        var names = new HashSet<string>(StringComparer.Ordinal) { "__metadata__" };
        if (parts.FirstOrDefault(part => !names.Add(part.Name)) is { } twice)
            throw new ArgumentException($"the name {twice.Name} cannot be written twice", nameof(parts));

        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            if (metadata is not null) WriteMetadata(writer, metadata);
            var position = 0L;
            foreach (var part in parts) WriteTensor(writer, part, ref position);
            writer.WriteEndObject();
        }

        var padded = (json.WrittenCount + Alignment - 1) / Alignment * Alignment;
        var header = new byte[sizeof(ulong) + padded];
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)padded);
        json.WrittenSpan.CopyTo(header.AsSpan(sizeof(ulong)));
        header.AsSpan(sizeof(ulong) + json.WrittenCount).Fill((byte)' ');
        return header;
    }

    private static void WriteMetadata(Utf8JsonWriter writer, IReadOnlyDictionary<string, string> metadata)
    {
        writer.WriteStartObject("__metadata__");
        foreach (var (key, value) in metadata.OrderBy(entry => entry.Key, StringComparer.Ordinal)) writer.WriteString(key, value);
        writer.WriteEndObject();
    }

    private static void WriteTensor(Utf8JsonWriter writer, TensorPart part, ref long position)
    {
        writer.WriteStartObject(part.Name);
        writer.WriteString("dtype", part.Type.ToString());
        writer.WriteStartArray("shape");
        foreach (var extent in part.Shape) writer.WriteNumberValue(extent);
        writer.WriteEndArray();
        writer.WriteStartArray("data_offsets");
        writer.WriteNumberValue(position);
        position = checked(position + part.ByteLength);
        writer.WriteNumberValue(position);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
