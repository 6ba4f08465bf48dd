using System.Text.Json;

namespace Horizon.Flow.Text;

/// <summary>Reads one turn of a conversation: with role and content, or with from and value.</summary>
internal static class TurnReader
{
    private static readonly string[] Weights = ["loss_weight", "weight", "train"];

    /// <param name="turn">The turn.</param>
    /// <param name="template">What will render it.</param>
    /// <param name="trainOnPrompt">Whether turns that are not the assistant's are trained too.</param>
    public static ChatMessage Read(DataRecord turn, ChatTemplate template, bool trainOnPrompt)
    {
        if (turn.Value.ValueKind != JsonValueKind.Object) throw turn.Error("every turn must be an object with role and content, or with from and value.");
        var (roleKey, textKey) = (turn.Has("role") ? "role" : "from", turn.Has("content") || !turn.Has("value") ? "content" : "value");
        var speaker = turn.Text(turn.Has("role") || turn.Has("from") ? roleKey : "role");
        var role = Role(turn, speaker, template);
        var fields = new OrderedDictionary<string, object?>();
        foreach (var (key, value) in (OrderedDictionary<string, object?>)turn.Guard(() => Conversation.ValueOf(turn.Value))!)
        {
            if (key == roleKey) fields["role"] = role;
            else if (key == textKey) fields["content"] = Content(turn, textKey) ?? value;
            else if (!Weights.Contains(key)) fields[key] = value;
        }

        if (speaker == "function_call") SetCalls(fields, ToolReader.CallsOf(turn, (string)(fields["content"] ?? "")));
        else if (turn.Optional("function_call") is { } call) SetCalls(fields, ToolReader.CallsOf(turn, call));
        var hasCalls = fields.GetValueOrDefault("tool_calls") is List<object?> { Count: > 0 };
        if (hasCalls && !template.Mentions("tool_calls")) throw turn.Error("'tool_calls' would be lost: the chat template does not write them.");
        if (fields.GetValueOrDefault("content") is null && !hasCalls) throw turn.Error($"a turn of the role '{speaker}' has no '{textKey}'.");
        return new ChatMessage(fields, IsTrained(turn, role, trainOnPrompt));
    }

    private static void SetCalls(OrderedDictionary<string, object?> fields, List<object?> calls)
    {
        fields["content"] = "";
        fields["tool_calls"] = calls;
        fields.Remove("function_call");
    }

    // The names that data sets give to the roles that chat templates know.
    private static string Role(DataRecord turn, string speaker, ChatTemplate template) => speaker switch
    {
        "human" or "user" => "user",
        "gpt" or "assistant" or "chatgpt" or "model" or "bot" or "function_call" => "assistant",
        "observation" or "function_response" => "tool",
        "system" or "tool" or "developer" or "function" or "ipython" => speaker,
        _ when template.Mentions(speaker) => speaker,
        _ => throw turn.Error($"the speaker '{speaker}' is unknown; known are human, user, gpt, assistant, model, system, tool, observation and function_call."),
    };

    private static string? Content(DataRecord turn, string key) => turn.Optional(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } text => turn.Guard(() => text.GetString()),
        { ValueKind: JsonValueKind.Array } parts => Join(turn, parts),
        _ => throw turn.Error($"'{key}' must be a string or a list of parts."),
    };

    private static string Join(DataRecord turn, JsonElement parts) => string.Concat(parts.EnumerateArray().Select(part =>
    {
        if (part.ValueKind == JsonValueKind.String) return turn.Guard(part.GetString);
        var text = turn with { Value = part };
        if (!text.Has("type") || text.Text("type") == "text") return text.Text(text.Has("text") ? "text" : "value");
        throw turn.Error($"a content part of the type '{text.Text("type")}' cannot be trained; only text can.");
    }));

    /// <summary>A weight of 0 (train: false) leaves a turn out; other weights than 0 and 1 have no meaning here.</summary>
    private static bool IsTrained(DataRecord turn, string role, bool trainOnPrompt)
    {
        var isAnswer = role == "assistant";
        bool? said = null;
        foreach (var key in Weights)
        {
            if (turn.Optional(key) is not { } value) continue;
            var weight = Weight(turn, key, value);
            if (said is not null && said != weight) throw turn.Error($"'{key}' says another thing than the turn's other weight.");
            if (weight && !isAnswer && !trainOnPrompt)
                throw turn.Error($"'{key}' trains a turn of the role '{role}': set data.train_on_prompt to train prompts.");
            if (!weight && !isAnswer && trainOnPrompt)
                throw turn.Error($"'{key}' leaves out a turn of the role '{role}', which data.train_on_prompt trains: single prompts cannot be left out.");
            said = weight;
        }

        return said ?? true;
    }

    private static bool Weight(DataRecord turn, string key, JsonElement value) => value switch
    {
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { ValueKind: JsonValueKind.Number } when value.GetDouble() is 0 or 1 => value.GetDouble() == 1,
        _ => throw turn.Error($"'{key}' must be 0 or 1."),
    };
}
