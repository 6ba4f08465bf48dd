using System.Text;
using System.Text.Json;
using Horizon.Flow.Host;

namespace Horizon.Flow.Text;

/// <summary>Reads text files, and JSON records one by one: from a JSON array or from JSON lines.</summary>
internal static class RecordReader
{
    /// <summary>What one text, or one JSON array, may have in bytes: it is held in memory as a whole.</summary>
    private const long LongestText = 1 << 30;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static string ReadText(string file)
    {
        if (!HoldsBytes(file, LongestText, "one text; cut it into several files")) return "";
        try
        {
            return File.ReadAllText(file, Strict);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            throw Unreadable(file, e);
        }
    }

    public static IEnumerable<RawRecord> Read(string file)
    {
        if (!HoldsBytes(file, long.MaxValue, "")) return [];
        if (!IsArray(file)) return ReadLines(file);
        HoldsBytes(file, LongestText, "one JSON array; write JSON lines, one object a line");
        return ReadArray(file);
    }

    // An empty file holds no records; a pipe or a device, whose length is 0 too, is never opened: it might never end.
    private static bool HoldsBytes(string file, long longest, string what) =>
        UntrustedFile.Length(file) > 0 && UntrustedFile.Check(file, longest, what) > 0;

    private static bool IsArray(string file)
    {
        try
        {
            using var reader = new StreamReader(file, Strict);
            int character;
            do character = reader.Read();
            while (character >= 0 && char.IsWhiteSpace((char)character));
            return character == '[';
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            throw Unreadable(file, e);
        }
    }

    private static IEnumerable<RawRecord> ReadArray(string file)
    {
        JsonElement[] records;
        try
        {
            using var stream = File.OpenRead(file);
            using var document = JsonDocument.Parse(stream);
            records = [.. document.RootElement.Clone().EnumerateArray()];
        }
        catch (JsonException e)
        {
            throw new HorizonException($"{file}, line {e.LineNumber + 1}: this is not valid JSON.", e);
        }

        for (var i = 0; i < records.Length; i++) yield return new RawRecord(null, records[i], $"{file}, record {i + 1}");
    }

    private static IEnumerable<RawRecord> ReadLines(string file)
    {
        using var reader = new LineReader(new StreamReader(file, Strict));
        for (var number = 1; ; number++)
        {
            var where = $"{file}, line {number}";
            if (ReadLine(reader, where) is not { } line) yield break;
            if (!string.IsNullOrWhiteSpace(line)) yield return new RawRecord(line, default, where);
        }
    }

    private static string? ReadLine(LineReader reader, string where)
    {
        try
        {
            return reader.Read();
        }
        catch (Exception e) when (e is IOException or DecoderFallbackException)
        {
            throw Unreadable(where, e);
        }
    }

    private static HorizonException Unreadable(string where, Exception e) => e is DecoderFallbackException
        ? new HorizonException($"{where}: the file is not UTF-8; convert it.", e)
        : new HorizonException($"{where} cannot be read: {e.Message}", e);
}
