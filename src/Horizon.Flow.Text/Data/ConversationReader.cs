using System.Text.Json;

namespace Horizon.Flow.Text;

/// <summary>Reads the conversations of the formats alpaca, sharegpt and messages.</summary>
internal static class ConversationReader
{
    public static Conversation Read(DataRecord record, DataFormat format)
    {
        var conversation = format switch
        {
            DataFormat.Alpaca => ReadAlpaca(record),
            DataFormat.ShareGpt => ReadShareGpt(record),
            _ => record.Guard(() => ReadMessages(record)),
        };
        return conversation.Messages.Count > 0 ? conversation : throw record.Error("the conversation is empty.");
    }

    private static Conversation ReadAlpaca(DataRecord record)
    {
        var messages = new List<ChatMessage>();
        if (record.Text("system", isOptional: true) is { Length: > 0 } system) messages.Add(new ChatMessage("system", system));
        if (record.Has("history"))
        {
            foreach (var pair in record.List("history"))
            {
                if (pair.ValueKind != JsonValueKind.Array || pair.GetArrayLength() != 2
                    || pair.EnumerateArray().Any(s => s.ValueKind != JsonValueKind.String))
                    throw record.Error("'history' must hold pairs of strings.");
                messages.Add(new ChatMessage("user", record.Guard(() => pair[0].GetString()!)));
                messages.Add(new ChatMessage("assistant", record.Guard(() => pair[1].GetString()!)));
            }
        }

        var (instruction, input) = (record.Text("instruction"), record.Text("input", isOptional: true));
        messages.Add(new ChatMessage("user", input.Length > 0 ? $"{instruction}\n{input}" : instruction));
        messages.Add(new ChatMessage("assistant", record.Text("output")));
        return new Conversation(messages);
    }

    private static Conversation ReadShareGpt(DataRecord record)
    {
        var messages = new List<ChatMessage>();
        if (record.Text("system", isOptional: true) is { Length: > 0 } system) messages.Add(new ChatMessage("system", system));
        foreach (var turn in record.List("conversations"))
        {
            var part = record with { Value = turn };
            var role = part.Text("from") switch
            {
                "human" or "user" => "user",
                "gpt" or "assistant" or "chatgpt" => "assistant",
                "system" => "system",
                "tool" or "observation" => "tool",
                var other => throw record.Error($"the speaker '{other}' is unknown; known are human, gpt, system and tool."),
            };
            messages.Add(new ChatMessage(role, part.Text("value")));
        }

        return new Conversation(messages);
    }

    private static Conversation ReadMessages(DataRecord record)
    {
        var messages = record.List("messages").Select(turn => ReadMessage(record with { Value = turn })).ToList();
        var variables = new Dictionary<string, object?>();
        if (record.Optional("tools") is { } tools) variables["tools"] = Conversation.ValueOf(Parsed(record, tools));
        if (record.Optional("chat_template_kwargs") is { ValueKind: JsonValueKind.Object } others)
            foreach (var other in others.EnumerateObject()) variables[other.Name] = Conversation.ValueOf(other.Value);
        return new Conversation(messages, variables);
    }

    /// <summary>Tools may come as JSON in a string.</summary>
    private static JsonElement Parsed(DataRecord record, JsonElement tools)
    {
        if (tools.ValueKind != JsonValueKind.String) return tools;
        try
        {
            using var document = JsonDocument.Parse(tools.GetString()!);
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw record.Error("'tools' is a string that is not valid JSON.", e);
        }
    }

    private static ChatMessage ReadMessage(DataRecord turn)
    {
        if (turn.Value.ValueKind != JsonValueKind.Object) throw turn.Error("every message must be an object with role and content.");
        var role = turn.Text("role");
        var fields = (OrderedDictionary<string, object?>)Conversation.ValueOf(turn.Value)!;
        fields.Remove("loss_weight");
        if (turn.Optional("content") is { ValueKind: JsonValueKind.Array } parts) fields["content"] = Join(turn, parts);
        else if (turn.Optional("content") is { ValueKind: not JsonValueKind.String })
            throw turn.Error("'content' must be a string or a list of parts.");
        else if (turn.Optional("content") is null && !turn.Has("tool_calls"))
            throw turn.Error($"a message of the role '{role}' has no 'content'.");
        return new ChatMessage(fields, IsTrained(turn, role));
    }

    private static string Join(DataRecord turn, JsonElement parts) => string.Concat(parts.EnumerateArray().Select(part =>
    {
        if (part.ValueKind == JsonValueKind.String) return part.GetString();
        var text = turn with { Value = part };
        if (!text.Has("type") || text.Text("type") == "text") return text.Text(text.Has("text") ? "text" : "value");
        throw turn.Error($"a content part of the type '{text.Text("type")}' cannot be trained; only text can.");
    }));

    /// <summary>`loss_weight` 0 leaves an assistant's turn out; other weights than 0 and 1 have no meaning here.</summary>
    private static bool IsTrained(DataRecord turn, string role)
    {
        if (turn.Optional("loss_weight") is not { } weight) return true;
        var value = weight.ValueKind == JsonValueKind.Number ? weight.GetDouble() : double.NaN;
        if (value is not (0 or 1)) throw turn.Error("'loss_weight' must be 0 or 1.");
        if (value == 1 && role != "assistant")
            throw turn.Error($"'loss_weight' is 1 for the role '{role}': set data.train_on_prompt to train prompts.");
        return value == 1;
    }
}
