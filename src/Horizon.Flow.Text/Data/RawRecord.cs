using System.Text.Json;

namespace Horizon.Flow.Text.Data;

/// <summary>A record as it stands in its file: JSON that is not yet parsed, or an element of an array.</summary>
/// <param name="Json">The JSON in UTF-8; null for an element.</param>
/// <param name="Element">The element.</param>
/// <param name="Where">File and line, or file and number.</param>
internal readonly record struct RawRecord(byte[]? Json, JsonElement Element, string Where)
{
    private const int LongLine = 1 << 20;

    /// <summary>Why it cannot be read; null where nothing is known against it.</summary>
    public string? Fault { get; init; }

    /// <exception cref="BadRecordException">It has a fault, or the line is not JSON.</exception>
    public DataRecord Parse()
    {
        if (Fault is not null) throw new BadRecordException($"{Where}: {Fault}");
        if (Json is null) return new DataRecord(Element, Where);
        try
        {
            // A long line is not copied.
            return new DataRecord(Json.Length > LongLine ? JsonDocument.Parse(Json).RootElement : JsonElement.Parse(Json), Where);
        }
        catch (JsonException e)
        {
            throw new BadRecordException($"{Where}: this is not valid JSON; give one object a line, or a JSON array of objects.", e);
        }
    }
}
