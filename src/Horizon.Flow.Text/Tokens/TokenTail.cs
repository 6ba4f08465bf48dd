using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Horizon.Flow.Text.Tokens;

/// <summary>
/// What ends a token file: the entries, the notes, and 64 bytes that say where these lie and what all of it hashes to. Numbers are of the machine's
/// own order; a file from a machine of the other order is not known and is made again.
/// </summary>
/// <param name="IdBytes">Bytes of an id.</param>
/// <param name="BodyBytes">Bytes in front of the entries.</param>
/// <param name="Entries">The documents.</param>
/// <param name="Notes">A text in UTF-8.</param>
internal sealed record TokenTail(int IdBytes, long BodyBytes, TokenEntry[] Entries, byte[] Notes)
{
    private const long Magic = 0x31_4E_4B_54_5A_52_48; // HRZTKN1
    private const int EndBytes = 64;

    /// <summary>Writes it behind the body.</summary>
    /// <param name="file">Stands behind the body.</param>
    /// <param name="hash">Of the body.</param>
    public void Write(Stream file, XxHash128 hash)
    {
        foreach (var part in Entries.Chunk(1 << 16)) Append(MemoryMarshal.AsBytes(part.AsSpan()));
        Append(Notes);
        Append(MemoryMarshal.AsBytes([Magic, IdBytes, BodyBytes, Entries.Length, Notes.Length, 0L]));
        file.Write(hash.GetCurrentHash());

        void Append(ReadOnlySpan<byte> bytes)
        {
            hash.Append(bytes);
            file.Write(bytes);
        }
    }

    /// <summary>Reads a whole file, to be sure of it; null where it is damaged, unfinished or of another kind.</summary>
    public static TokenTail? Read(SafeFileHandle file)
    {
        var length = RandomAccess.GetLength(file);
        if (length < EndBytes || ReadAll(file, length - EndBytes, EndBytes) is not { } end) return null;
        var numbers = MemoryMarshal.Cast<byte, long>(end.AsSpan(0, 48));
        var (idBytes, bodyBytes, count, noteBytes) = (numbers[1], numbers[2], numbers[3], numbers[4]);
        if (numbers[0] != Magic || idBytes is not (2 or 4) || count is < 0 or > int.MaxValue || noteBytes is < 0 or > int.MaxValue) return null;
        var entryBytes = count * Unsafe.SizeOf<TokenEntry>();
        if (bodyBytes < 0 || bodyBytes + entryBytes + noteBytes + EndBytes != length || !IsWhole(file, length - 16, end.AsSpan(48))) return null;
        var entries = new TokenEntry[count];
        return Fill(file, bodyBytes, entries) && ReadAll(file, bodyBytes + entryBytes, (int)noteBytes) is { } notes
            ? new TokenTail((int)idBytes, bodyBytes, entries, notes)
            : null;
    }

    private static bool IsWhole(SafeFileHandle file, long length, ReadOnlySpan<byte> expected)
    {
        var hash = new XxHash128();
        var buffer = new byte[1 << 20];
        for (long at = 0; at < length;)
        {
            var count = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - at)), at);
            if (count == 0) return false;
            hash.Append(buffer.AsSpan(0, count));
            at += count;
        }

        return hash.GetCurrentHash().AsSpan().SequenceEqual(expected);
    }

    private static bool Fill(SafeFileHandle file, long place, TokenEntry[] entries)
    {
        var size = Unsafe.SizeOf<TokenEntry>();
        for (var done = 0; done < entries.Length;)
        {
            var part = entries.AsSpan(done, Math.Min(1 << 16, entries.Length - done));
            if (ReadAll(file, place + ((long)done * size), part.Length * size) is not { } bytes) return false;
            MemoryMarshal.Cast<byte, TokenEntry>(bytes).CopyTo(part);
            done += part.Length;
        }

        return true;
    }

    private static byte[]? ReadAll(SafeFileHandle file, long place, int count)
    {
        var bytes = new byte[count];
        for (var done = 0; done < count;)
        {
            var more = RandomAccess.Read(file, bytes.AsSpan(done), place + done);
            if (more == 0) return null;
            done += more;
        }

        return bytes;
    }
}
