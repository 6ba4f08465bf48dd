using System.Text;
using System.Text.Json;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Data;

/// <summary>Reads text files, and records one by one, as JSON whatever they are stored as.</summary>
internal static class RecordReader
{
    /// <summary>What one text may have in bytes: it is one document, and may have to be held in memory as a whole.</summary>
    private const long LongestText = 1 << 30;

    private const string TooLong = "one text; cut it into several files";

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="BadRecordException">The text is not UTF-8.</exception>
    public static string ReadText(string file, ReadGauge? gauge = null)
    {
        if (!HoldsBytes(file, LongestText, TooLong)) return "";
        try
        {
            using var bytes = DataStream.ReadAllText(file, LongestText, gauge);
            return Strict.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
        }
        catch (DecoderFallbackException e)
        {
            throw NotText(file, e);
        }
        catch (Exception e) when (DataStream.IsFault(e))
        {
            throw Unreadable(file, e);
        }
    }

    /// <summary>The same in pieces, so that a long text is never held as a whole.</summary>
    /// <param name="file">The file.</param>
    /// <param name="lastCut">Finds where a piece may end; null where none may.</param>
    /// <param name="gauge">Counts what is read.</param>
    /// <param name="characters">Of a piece, unless there is no place to cut it.</param>
    /// <returns>Pieces, none of them empty.</returns>
    /// <exception cref="BadRecordException">Later: the text is not UTF-8.</exception>
    public static IEnumerable<string> ReadPieces(string file, CutFinder? lastCut, ReadGauge? gauge = null, int characters = 1 << 20)
    {
        if (lastCut is null || !HoldsBytes(file, LongestText, TooLong))
        {
            if (ReadText(file, gauge) is { Length: > 0 } whole) yield return whole;
            yield break;
        }

        using var reader = OpenReader(file, gauge);
        var (buffer, held, all) = (new char[characters], 0, 0L);
        while (Fill(reader, buffer.AsSpan(held), file) is > 0 and var count)
        {
            held += count;
            if ((all += count) > LongestText) throw Unreadable(file, new IOException($"it holds more than {LongestText:N0} bytes"));
            if (held < buffer.Length) break;
            var cut = lastCut(buffer);
            if (cut == 0)
            {
                Array.Resize(ref buffer, 2 * buffer.Length);
                continue;
            }

            yield return new string(buffer, 0, cut);
            buffer.AsSpan(cut, held - cut).CopyTo(buffer);
            held -= cut;
        }

        if (held > 0) yield return new string(buffer, 0, held);
    }

    private static StreamReader OpenReader(string file, ReadGauge? gauge)
    {
        try
        {
            return new StreamReader(DataStream.OpenText(file, gauge), Strict, detectEncodingFromByteOrderMarks: false, 1 << 16);
        }
        catch (Exception e) when (DataStream.IsFault(e))
        {
            throw Unreadable(file, e);
        }
    }

    // As much as there is room for.
    private static int Fill(StreamReader reader, Span<char> room, string file)
    {
        try
        {
            return reader.ReadBlock(room);
        }
        catch (DecoderFallbackException e)
        {
            throw NotText(file, e);
        }
        catch (Exception e) when (DataStream.IsFault(e))
        {
            throw Unreadable(file, e);
        }
    }

    private static BadRecordException NotText(string file, DecoderFallbackException e) => new($"{file}: the file is not UTF-8; convert it.", e);

    public static IEnumerable<RawRecord> Read(string file, ReadGauge? gauge = null)
    {
        if (!HoldsBytes(file, long.MaxValue, "")) return [];
        var kind = FileKind.Of(file);
        if (kind == FileKind.Csv || kind == FileKind.Tsv) return CsvRecords.Read(file, gauge);
        if (kind == FileKind.Parquet) return Gauged(ParquetRecords.Read(file), file, gauge);
        if (kind == FileKind.Arrow) return Gauged(ArrowRecords.Read(file), file, gauge);
        return IsArray(file) ? ReadArray(file, gauge) : ReadLines(file, gauge);
    }

    // Files that are read here and there count when they are read.
    private static IEnumerable<RawRecord> Gauged(IEnumerable<RawRecord> records, string file, ReadGauge? gauge)
    {
        foreach (var record in records) yield return record;
        gauge?.Add(UntrustedFile.Length(file));
    }

    // An empty file holds no records; a pipe or a device, whose length is 0 too, is never opened: it might never end.
    private static bool HoldsBytes(string file, long longest, string what) =>
        UntrustedFile.Length(file) > 0 && UntrustedFile.Check(file, longest, what) > 0;

    private static bool IsArray(string file)
    {
        try
        {
            using var stream = DataStream.OpenText(file);
            int character;
            do character = stream.ReadByte();
            while (character is ' ' or '\t' or '\r' or '\n');
            return character == '[';
        }
        catch (Exception e) when (DataStream.IsFault(e) || e is DecoderFallbackException)
        {
            throw Unreadable(file, e);
        }
    }

    // One element after the other: an array of any length takes no more memory than lines do.
    private static IEnumerable<RawRecord> ReadArray(string file, ReadGauge? gauge)
    {
        using var stream = new RationedStream(DataStream.OpenText(file, gauge), LineReader.Longest);
        using var records = JsonSerializer.DeserializeAsyncEnumerable<JsonElement>(stream).ToBlockingEnumerable().GetEnumerator();
        for (var number = 1; Next(records, file); number++)
        {
            stream.Renew();
            yield return new RawRecord(null, records.Current, $"{file}, record {number}");
        }
    }

    private static bool Next(IEnumerator<JsonElement> records, string file)
    {
        try
        {
            return records.MoveNext();
        }
        catch (JsonException e)
        {
            throw new HorizonException($"{file}, line {e.LineNumber + 1}: this is not valid JSON: mend it there, or write JSON lines, one object a line.", e);
        }
        catch (Exception e) when (DataStream.IsFault(e))
        {
            throw Unreadable(file, e);
        }
    }

    private static IEnumerable<RawRecord> ReadLines(string file, ReadGauge? gauge)
    {
        using var reader = new LineReader(DataStream.OpenText(file, gauge));
        for (var number = 1; ; number++)
        {
            var where = $"{file}, line {number}";
            if (ReadLine(reader, where) is not var (line, fault)) yield break;
            if (fault is not null || !IsBlank(line)) yield return new RawRecord(line, default, where) { Fault = fault };
        }
    }

    private static (byte[] Line, string? Fault)? ReadLine(LineReader reader, string where)
    {
        try
        {
            return reader.Read(out var line, out var fault) ? (line, fault) : null;
        }
        catch (Exception e) when (DataStream.IsFault(e) || e is DecoderFallbackException)
        {
            throw Unreadable(where, e);
        }
    }

    private static bool IsBlank(ReadOnlySpan<byte> line)
    {
        while (!line.IsEmpty)
        {
            Rune.DecodeFromUtf8(line, out var rune, out var length);
            if (!Rune.IsWhiteSpace(rune)) return false;
            line = line[length..];
        }

        return true;
    }

    private static HorizonException Unreadable(string where, Exception e) => e is DecoderFallbackException
        ? new HorizonException($"{where}: the file is not UTF-8; convert it.", e)
        : new HorizonException($"{where} cannot be read: {DataStream.Describe(e)}", e);
}
