using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Tokens;

/// <summary>
/// Documents in the bytes that <see cref="TokenWriter"/> writes. Each is read when it is asked for: what is held in memory is 18 bytes a document,
/// however long it is, and what was read of a file stays in the system's own cache as long as there is room.
/// </summary>
/// <param name="bytes">Where the documents lie.</param>
/// <param name="entries">Where each lies there.</param>
/// <param name="idBytes">Bytes of an id: 2 or 4.</param>
internal sealed class StoredDocuments(TokenBytes bytes, TokenEntry[] entries, int idBytes) : DocumentTable
{
    public override int Count => entries.Length;

    public override int Length(int number) => entries[number].Length;

    public override bool IsConversation(int number) => entries[number].IsConversation;

    public override int Labelled(int number, int start, int end)
    {
        var entry = entries[number];
        // Where every token is its own label, as in running text, none has to be read.
        if (entry.Labels == LabelKind.Ids) return Math.Max(0, end - start - 1);
        return start == 0 && end == entry.Length ? entry.Labelled : base.Labelled(number, start, end);
    }

    public override TokenDocument Read(int number, int start, int end)
    {
        var entry = entries[number];
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end, entry.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, end);
        var ids = Numbers(entry.Place + ((long)start * idBytes), end - start, idBytes);
        return new TokenDocument(ids, Labels(entry, ids, start, end)) { IsConversation = entry.IsConversation };
    }

    public override long HostBytes => bytes.HostBytes + ((long)entries.Length * Unsafe.SizeOf<TokenEntry>());

    private int[] Labels(TokenEntry entry, int[] ids, int start, int end)
    {
        if (entry.Labels == LabelKind.Ids) return ids;
        var place = entry.Place + ((long)entry.Length * idBytes);
        if (entry.Labels == LabelKind.Own) return Numbers(place + (4L * start), end - start, sizeof(int));
        var first = start / 8;
        var mask = bytes.Read(place + first, ((end + 7) / 8) - first);
        var labels = new int[ids.Length];
        for (var i = 0; i < labels.Length; i++)
        {
            var bit = start + i - (first * 8);
            labels[i] = (mask[bit / 8] >> (bit % 8) & 1) != 0 ? ids[i] : TokenDocument.Ignored;
        }

        return labels;
    }

    private int[] Numbers(long place, int count, int size)
    {
        var read = bytes.Read(place, count * size);
        var numbers = new int[count];
        if (size == sizeof(int)) MemoryMarshal.Cast<byte, int>(read).CopyTo(numbers);
        else
        {
            var narrow = MemoryMarshal.Cast<byte, ushort>(read);
            for (var i = 0; i < numbers.Length; i++) numbers[i] = narrow[i];
        }

        return numbers;
    }
}
