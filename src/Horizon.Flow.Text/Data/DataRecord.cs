using System.Text.Json;

namespace Horizon.Flow.Text.Data;

/// <summary>A JSON record and where it stands.</summary>
internal readonly record struct DataRecord(JsonElement Value, string Where)
{
    public BadRecordException Error(string complaint, Exception? cause = null) => new($"{Where}: {complaint}", cause);

    public bool Has(string name) => Value.ValueKind == JsonValueKind.Object && Value.TryGetProperty(name, out _);

    /// <summary>A member, or null where it is absent or null.</summary>
    public JsonElement? Optional(string name) =>
        Has(name) && Value.GetProperty(name) is { ValueKind: not JsonValueKind.Null } value ? value : null;

    /// <summary>A text member; empty where it is optional and absent.</summary>
    public string Text(string name, bool isOptional = false) => Optional(name) switch
    {
        { ValueKind: JsonValueKind.String } text => Guard(() => text.GetString()!),
        null when isOptional => "",
        null => throw Error($"'{name}' is missing."),
        _ => throw Error($"'{name}' must be a string."),
    };

    /// <summary>A list member.</summary>
    public IEnumerable<JsonElement> List(string name) =>
        Optional(name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : throw Error($"'{name}' must be a list.");

    /// <summary>Writes a part of it, whose strings may be invalid Unicode.</summary>
    public void Write(JsonElement value, Utf8JsonWriter writer) => Guard(() =>
    {
        value.WriteTo(writer);
        return true;
    });

    /// <inheritdoc cref="Write(JsonElement, Utf8JsonWriter)"/>
    public void Write(JsonProperty member, Utf8JsonWriter writer) => Guard(() =>
    {
        member.WriteTo(writer);
        return true;
    });

    /// <summary>Reads strings, which JSON allows to be invalid Unicode.</summary>
    public T Guard<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException e)
        {
            throw Error("holds a string that is not valid Unicode.", e);
        }
    }
}
