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
internal sealed class TokenWriter(int vocabularySize, Func<FileStream> open, int mostHeld) : IDisposable
{
    private const int BufferBytes = 1 << 20;

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
        _entries.Add(new TokenEntry(_written + _buffer.Length, ids.Length, labelled, kind, document.IsConversation));
        Tokens += ids.Length;
        if (IdBytes == sizeof(int)) _buffer.Write(MemoryMarshal.AsBytes(ids.AsSpan()));
        else
        {
            var narrow = new ushort[ids.Length];
            for (var i = 0; i < ids.Length; i++) narrow[i] = (ushort)ids[i];
            _buffer.Write(MemoryMarshal.AsBytes(narrow.AsSpan()));
        }

        if (kind == LabelKind.Own) _buffer.Write(MemoryMarshal.AsBytes(labels.AsSpan()));
        if (kind == LabelKind.Mask) _buffer.Write(Mask(labels));
        if (_buffer.Length >= (_file is null ? mostHeld : BufferBytes)) Flush();
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
