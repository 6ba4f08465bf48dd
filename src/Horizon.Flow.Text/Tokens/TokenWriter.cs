using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Tokens;

/// <summary>
/// Writes documents one behind the other: the ids, of two bytes where the vocabulary allows, and what tells the labels from them. Few documents stay
/// in memory; more go to a file, which is opened then.
/// </summary>
/// <param name="vocabularySize">Ids are below it.</param>
/// <param name="open">Opens the file.</param>
/// <param name="mostHeld">Bytes that stay in memory.</param>
internal sealed class TokenWriter(int vocabularySize, Func<FileStream> open, int mostHeld) : IDocumentSink, IDisposable
{
    private const int BufferBytes = 1 << 20;
    private const int IdsAtOnce = 1 << 10;

    private readonly List<TokenEntry> _entries = [];
    private readonly XxHash128 _hash = new();
    private readonly MemoryStream _buffer = new();
    private FileStream? _file;
    private long _written;

    /// <summary>Bytes of an id.</summary>
    public int IdBytes { get; } = vocabularySize <= 1 << 16 ? sizeof(ushort) : sizeof(int);

    /// <summary>Documents so far.</summary>
    public int Count => _entries.Count;

    /// <summary>Tokens so far.</summary>
    public long Tokens { get; private set; }

    /// <summary>The file; null where all is held in memory.</summary>
    public FileStream? File => _file;

    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Add(TokenDocument document)
    {
        var (ids, labels) = (document.InputIds, document.Labels);
        var (kind, labelled) = KindOf(ids, labels);
        _entries.Add(new TokenEntry(Place, ids.Length, labelled, kind, document.IsConversation));
        Tokens += ids.Length;
        WriteIds(ids);
        if (kind == LabelKind.Own) Write(MemoryMarshal.AsBytes(labels.AsSpan()));
        if (kind == LabelKind.Mask) Write(Mask(labels));
    }

    /// <inheritdoc/>
    public int AddText(IEnumerable<int[]> pieces)
    {
        var (place, length) = (Place, 0);
        foreach (var piece in pieces)
        {
            WriteIds(piece);
            length = checked(length + piece.Length);
        }

        // Of what breaks off bytes are left that no entry names.
        _entries.Add(new TokenEntry(place, length, Math.Max(0, length - 1), LabelKind.Ids, IsConversation: false));
        Tokens += length;
        return length;
    }

    /// <summary>The documents, where all of them are held in memory.</summary>
    public StoredDocuments ToHeld() => new(new TokenBytes(_buffer.ToArray()), [.. _entries], IdBytes);

    /// <summary>Ends the file with the entries, a text and checksums; gives the documents.</summary>
    /// <param name="notes">The text.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public StoredDocuments Finish(string notes)
    {
        Flush();
        TokenEntry[] entries = [.. _entries];
        var text = Encoding.UTF8.GetBytes(notes);
        var tail = new TokenTail(IdBytes, _written, entries, text);
        tail.Write(_file!, _hash);
        _file!.Flush(flushToDisk: true);
        return new StoredDocuments(new TokenBytes(_file.SafeFileHandle, _file.Name), entries, IdBytes);
    }

    /// <summary>Nothing of a file that is finished: its handle is the documents'.</summary>
    public void Dispose() => _buffer.Dispose();

    private long Place => _written + _buffer.Length;

    private void WriteIds(ReadOnlySpan<int> ids)
    {
        if (IdBytes == sizeof(int))
        {
            Write(MemoryMarshal.AsBytes(ids));
            return;
        }

        Span<ushort> narrow = stackalloc ushort[IdsAtOnce];
        for (; ids.Length > 0; ids = ids[Math.Min(IdsAtOnce, ids.Length)..])
        {
            var count = Math.Min(IdsAtOnce, ids.Length);
            for (var i = 0; i < count; i++) narrow[i] = (ushort)ids[i];
            Write(MemoryMarshal.AsBytes(narrow[..count]));
        }
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        _buffer.Write(bytes);
        if (_buffer.Length >= (_file is null ? mostHeld : BufferBytes)) Flush();
    }

    private void Flush()
    {
        _file ??= open();
        var bytes = _buffer.GetBuffer().AsSpan(0, (int)_buffer.Length);
        _hash.Append(bytes);
        _file.Write(bytes);
        _written += bytes.Length;
        _buffer.SetLength(0);
    }

    private static (LabelKind Kind, int Labelled) KindOf(int[] ids, int[] labels)
    {
        if (ReferenceEquals(ids, labels)) return (LabelKind.Ids, Math.Max(0, ids.Length - 1));
        var (isIds, isMask, labelled) = (true, true, 0);
        for (var i = 0; i < ids.Length; i++)
        {
            isIds &= labels[i] == ids[i];
            isMask &= labels[i] == ids[i] || labels[i] == TokenDocument.Ignored;
            if (i > 0 && labels[i] != TokenDocument.Ignored) labelled++;
        }

        return (isIds ? LabelKind.Ids : isMask ? LabelKind.Mask : LabelKind.Own, labelled);
    }

    private static byte[] Mask(int[] labels)
    {
        var mask = new byte[(labels.Length + 7) / 8];
        for (var i = 0; i < labels.Length; i++)
            if (labels[i] != TokenDocument.Ignored) mask[i / 8] |= (byte)(1 << (i % 8));
        return mask;
    }
}
