using System.Text.Json;

namespace Horizon.Flow.Serving;

/// <summary>
/// The fields of a request's JSON, read with their bounds. What was not asked for by the end, and is neither null nor known to change nothing, is refused: a text that was made
/// otherwise than its client meant is worse than none.
/// </summary>
/// <param name="json">The request.</param>
/// <param name="path">What stands before the names of its fields in messages.</param>
internal sealed class RequestFields(JsonElement json, string path = "")
{
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    /// <summary>A field that is there and not null.</summary>
    public JsonElement? Find(string name)
    {
        _read.Add(name);
        return json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    public string? Text(string name) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Wrong(name, "a text");

    public bool Flag(string name) => Find(name)?.ValueKind switch
    {
        null or JsonValueKind.False => false,
        JsonValueKind.True => true,
        _ => throw Wrong(name, "true or false"),
    };

    public long? Whole(string name, long least, long most) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= least && number <= most ? number
        : throw Wrong(name, $"a whole number from {least} to {most}");

    public double? Number(string name, double least, double most) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= least && number <= most ? number
        : throw Wrong(name, FormattableString.Invariant($"a number from {least} to {most}"));

    /// <summary>A nested object; null where it is missing.</summary>
    public RequestFields? Object(string name) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Object ? new RequestFields(value, $"{path}{name}.")
        : throw Wrong(name, "an object");

    /// <summary>Refuses a field unless it says what holds without it.</summary>
    public void RequireUnset(string name, Func<JsonElement, bool>? isHarmless = null)
    {
        if (Find(name) is not { } value) return;
        var isEmpty = value.ValueKind is JsonValueKind.False
            || (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0)
            || (value.ValueKind == JsonValueKind.Object && !value.EnumerateObject().Any());
        if (!isEmpty && isHarmless?.Invoke(value) != true) throw new RequestException(400, $"'{path}{name}' is not supported here; leave it out.", path + name, "unsupported_parameter");
    }

    /// <summary>Refuses what nobody asked for.</summary>
    /// <param name="harmless">Names of fields that change nothing about the answer.</param>
    public void RequireAllRead(params ReadOnlySpan<string> harmless)
    {
        foreach (var field in json.EnumerateObject())
        {
            if (_read.Contains(field.Name) || field.Value.ValueKind == JsonValueKind.Null || harmless.Contains(field.Name)) continue;
            throw new RequestException(400, $"'{path}{field.Name}' is not a parameter that is known here; leave it out.", path + field.Name, "unknown_parameter");
        }
    }

    public RequestException Wrong(string name, string wanted) => new(400, $"'{path}{name}' should be {wanted}.", path + name);
}
