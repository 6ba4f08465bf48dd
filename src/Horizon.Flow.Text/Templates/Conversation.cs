using System.Text.Json;

namespace Horizon.Flow.Text.Templates;

/// <summary>A conversation for a chat template.</summary>
/// <param name="Messages">The turns, in order.</param>
/// <param name="Variables">Further variables of the template, such as tools: null, bool, long, double, string, lists
/// (<c>List&lt;object?&gt;</c>) and maps (<c>OrderedDictionary&lt;string, object?&gt;</c>) of them.</param>
public sealed record Conversation(IReadOnlyList<ChatMessage> Messages, IReadOnlyDictionary<string, object?> Variables)
{
    /// <summary>A conversation without further variables.</summary>
    /// <param name="messages">The turns.</param>
    public Conversation(params IReadOnlyList<ChatMessage> messages)
        : this(messages, new Dictionary<string, object?>())
    {
    }

    /// <summary>The moment that a template may write (<c>strftime_now</c>).</summary>
    /// <value>Default: the moment of rendering.</value>
    public DateTime? Date { get; init; }

    /// <summary>JSON as a value of a template; numbers become long where they are whole, double otherwise.</summary>
    internal static object? ValueOf(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => MapOf(json),
        JsonValueKind.Array => json.EnumerateArray().Select(ValueOf).ToList(),
        JsonValueKind.String => json.GetString(),
        JsonValueKind.Number => json.TryGetInt64(out var whole) ? (object)whole : json.GetDouble(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };

    // Of a key that stands there twice, the last value in the place of the first.
    private static OrderedDictionary<string, object?> MapOf(JsonElement json)
    {
        var map = new OrderedDictionary<string, object?>();
        foreach (var member in json.EnumerateObject()) map[member.Name] = ValueOf(member.Value);
        return map;
    }
}
