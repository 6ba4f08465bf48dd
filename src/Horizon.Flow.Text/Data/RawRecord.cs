using System.Text.Json;

namespace Horizon.Flow.Text;

/// <summary>A record as it stands in its file: a line that is not yet parsed, or an element of an array.</summary>
/// <param name="Line">The line; null for an element.</param>
/// <param name="Element">The element.</param>
/// <param name="Where">File and line, or file and number.</param>
internal readonly record struct RawRecord(string? Line, JsonElement Element, string Where)
{
    /// <exception cref="BadRecordException">The line is not JSON.</exception>
    public DataRecord Parse()
    {
        if (Line is null) return new DataRecord(Element, Where);
        try
        {
            using var document = JsonDocument.Parse(Line);
            return new DataRecord(document.RootElement.Clone(), Where);
        }
        catch (JsonException e)
        {
            throw new BadRecordException($"{Where}: this is not valid JSON; give one object a line, or a JSON array of objects.", e);
        }
    }
}
