using System.Text.Json;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Text.Data;

/// <summary>Reads the tools of a record and the calls of a turn, in the form that chat templates expect.</summary>
internal static class ToolReader
{
    /// <summary>A record's tools, as a list or as JSON in a string; null where it has none.</summary>
    public static List<object?>? Read(DataRecord record)
    {
        foreach (var key in (string[])["tools", "functions"])
        {
            if (record.Optional(key) is not { } value || (value.ValueKind == JsonValueKind.String && value.ValueEquals(""))) continue;
            var tools = record.Guard(() => Conversation.ValueOf(Parsed(record, key, value))) switch
            {
                List<object?> list => list,
                OrderedDictionary<string, object?> one => [one],
                null => [],
                _ => throw record.Error($"'{key}' must be a list of tools."),
            };
            if (tools.Count > 0) return tools.ConvertAll(Function);
        }

        return null;
    }

    /// <summary>The calls of a turn that consists of them: an object with name and arguments, or a list of such, also as JSON in a string.</summary>
    public static List<object?> CallsOf(DataRecord turn, JsonElement calls) => CallsOf(turn, turn.Guard(() => Conversation.ValueOf(calls)));

    /// <inheritdoc cref="CallsOf(DataRecord, JsonElement)"/>
    public static List<object?> CallsOf(DataRecord turn, string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return CallsOf(turn, document.RootElement);
        }
        catch (JsonException e)
        {
            throw turn.Error("a function call must be JSON with 'name' and 'arguments'.", e);
        }
    }

    private static List<object?> CallsOf(DataRecord turn, object? calls)
    {
        return (calls is List<object?> list ? list : [calls]).ConvertAll(call =>
        {
            if (call is not OrderedDictionary<string, object?> function || function.GetValueOrDefault("name") is not string)
                throw turn.Error("a function call must have 'name' and 'arguments'.");
            if (function.GetValueOrDefault("arguments") is string { Length: > 0 } arguments) function["arguments"] = Arguments(arguments);
            return Function(function);
        });
    }

    // Arguments that are no JSON stay as they are: models make such calls too.
    private static object? Arguments(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object ? Conversation.ValueOf(document.RootElement) : json;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return json;
        }
    }

    /// <summary>A bare function becomes a tool of the type function.</summary>
    private static object? Function(object? tool) => tool is OrderedDictionary<string, object?> map && map.ContainsKey("name") && !map.ContainsKey("function")
        ? new OrderedDictionary<string, object?> { ["type"] = "function", ["function"] = map }
        : tool;

    private static JsonElement Parsed(DataRecord record, string key, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String) return value;
        try
        {
            using var document = JsonDocument.Parse(record.Guard(value.GetString)!);
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw record.Error($"'{key}' is a string that is not valid JSON.", e);
        }
    }
}
