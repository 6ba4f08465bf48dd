using System.Text;
using System.Text.Json;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Text.Data;

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
        try
        {
            // Of a key that stands there twice, the last value in the place of the first.
            foreach (var member in turn.Value.EnumerateObject())
            {
                if (member.NameEquals(roleKey)) fields["role"] = role;
                else if (member.NameEquals(textKey)) fields["content"] = Content(turn, textKey, fields, template) ?? Conversation.ValueOf(member.Value);
                else if (member.Name is var key && !Weights.Contains(key)) fields[key] = Conversation.ValueOf(member.Value);
            }
        }
        catch (InvalidOperationException e)
        {
            throw turn.Error("holds a string that is not valid Unicode.", e);
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

    private static string? Content(DataRecord turn, string key, OrderedDictionary<string, object?> fields, ChatTemplate template) => turn.Optional(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { ValueKind: JsonValueKind.Array } parts => Join(turn, parts, fields, template),
        _ => throw turn.Error($"'{key}' must be a string or a list of parts."),
    };

    /// <summary>The text of content parts; thoughts and calls among them become what the template writes as such.</summary>
    private static string Join(DataRecord turn, JsonElement parts, OrderedDictionary<string, object?> fields, ChatTemplate template)
    {
        var (text, thoughts, calls) = (new StringBuilder(), new StringBuilder(), new List<object?>());
        foreach (var value in parts.EnumerateArray())
        {
            if (value.ValueKind == JsonValueKind.String)
            {
                text.Append(turn.Guard(value.GetString));
                continue;
            }

            var part = turn with { Value = value };
            switch (part.Has("type") ? part.Text("type") : "text")
            {
                case "text": text.Append(Said(part, "text")); break;
                case "thinking" or "reasoning": thoughts.Append(Said(part, part.Text("type"))); break;
                case "tool_call": calls.AddRange(ToolReader.CallsOf(part, Said(part, "tool_call"))); break;
                case var other: throw turn.Error($"a content part of the type '{other}' cannot be trained; only text can.");
            }
        }

        if (calls.Count > 0) fields["tool_calls"] = calls;
        if (thoughts.Length == 0) return text.ToString();
        if (template.Mentions("reasoning_content")) fields["reasoning_content"] = thoughts.ToString();
        else text.Insert(0, $"<think>\n{thoughts}\n</think>\n\n"); // as the models write it themselves
        return text.ToString();
    }

    private static string Said(DataRecord part, string key) => part.Text(part.Has(key) ? key : part.Has("text") ? "text" : "value");

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
