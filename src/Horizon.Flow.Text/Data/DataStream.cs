using System.Text;
using Horizon.Flow.Host.Files;
using ICSharpCode.SharpZipLib;
using ICSharpCode.SharpZipLib.GZip;
using ZstdSharp;

namespace Horizon.Flow.Text.Data;

/// <summary>Opens data files, unpacked where their names say that they are compressed (.gz, .zst).</summary>
internal static class DataStream
{
    public static bool IsCompressed(string file) => Path.GetExtension(file).ToLowerInvariant() is ".gz" or ".zst";

    public static string WithoutCompression(string file) => IsCompressed(file) ? Path.ChangeExtension(file, null) : file;

    /// <summary>The file's bytes, unpacked.</summary>
    /// <exception cref="HorizonException">The file cannot be opened.</exception>
    /// <exception cref="SharpZipBaseException">Later, while reading: the compressed bytes are damaged; <see cref="IsFault"/> knows all such.</exception>
    public static Stream Open(string file, ReadGauge? gauge = null)
    {
        var stream = OpenPacked(file);
        if (gauge is not null) stream = new GaugedStream(stream, gauge);
        return Path.GetExtension(file).ToLowerInvariant() switch
        {
            // .NET's own takes the end of a file that was cut off for the end of its text, without a word.
            ".gz" => new GZipInputStream(stream, 1 << 16),
            ".zst" => new DecompressionStream(stream, leaveOpen: false),
            _ => stream,
        };
    }

    /// <summary>The file's text as UTF-8 without a mark: its bytes, or those of UTF-16 and UTF-32 rewritten where a mark says that they are such.</summary>
    /// <inheritdoc cref="Open"/>
    public static Stream OpenText(string file, ReadGauge? gauge = null)
    {
        var encoding = Marked(Start(file));
        var stream = Open(file, gauge);
        if (encoding is null) return stream;
        stream.ReadExactly(new byte[encoding.GetPreamble().Length]);
        return encoding is UTF8Encoding ? stream : Encoding.CreateTranscodingStream(stream, encoding, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
    }

    /// <summary>Whether what was thrown says that a file's bytes cannot be read or unpacked.</summary>
    public static bool IsFault(Exception e) => e is IOException or UnauthorizedAccessException || IsDamage(e);

    /// <summary>What is said of damaged bytes, whatever the words of those who unpack them.</summary>
    public const string Damage = "the file is cut off, damaged or not what its name says: copy or download it again.";

    /// <summary>Why a file's bytes cannot be read, and what to do where they are damaged.</summary>
    public static string Describe(Exception e) => IsDamage(e) ? Damage : e.Message;

    /// <summary>All bytes of <see cref="OpenText"/>, of which there may be no more than so many: a small compressed file may hold any amount.</summary>
    /// <exception cref="IOException">There are more.</exception>
    public static MemoryStream ReadAllText(string file, long longest, ReadGauge? gauge = null)
    {
        using var stream = OpenText(file, gauge);
        var bytes = new MemoryStream((int)Math.Min(UntrustedFile.Length(file), longest));
        var buffer = new byte[1 << 16];
        for (int count; (count = stream.Read(buffer)) > 0;)
        {
            if (bytes.Length + count > longest) throw new IOException($"it holds more than {longest:N0} bytes");
            bytes.Write(buffer, 0, count);
        }

        bytes.Position = 0;
        return bytes;
    }

    private static byte[] Start(string file)
    {
        try
        {
            using var stream = Open(file);
            var start = new byte[4];
            return start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (IsFault(e))
        {
            throw new HorizonException($"{file} cannot be read: {Describe(e)}", e);
        }
    }

    private static Encoding? Marked(ReadOnlySpan<byte> start) => start switch
    {
        [0xEF, 0xBB, 0xBF, ..] => Encoding.UTF8,
        [0xFF, 0xFE, 0, 0] => new UTF32Encoding(bigEndian: false, byteOrderMark: true, throwOnInvalidCharacters: true),
        [0, 0, 0xFE, 0xFF] => new UTF32Encoding(bigEndian: true, byteOrderMark: true, throwOnInvalidCharacters: true),
        [0xFF, 0xFE, ..] => new UnicodeEncoding(bigEndian: false, byteOrderMark: true, throwOnInvalidBytes: true),
        [0xFE, 0xFF, ..] => new UnicodeEncoding(bigEndian: true, byteOrderMark: true, throwOnInvalidBytes: true),
        _ => null,
    };

    private static Stream OpenPacked(string file)
    {
        try
        {
            return File.OpenRead(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"{file} cannot be read: {e.Message}", e);
        }
    }

    private static bool IsDamage(Exception e) => e is SharpZipBaseException or ZstdException or EndOfStreamException or InvalidDataException;
}
