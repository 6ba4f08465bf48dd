using System.Text.Json;

namespace Horizon.Flow.Text;

/// <summary>Reads the conversations of the formats alpaca, sharegpt and messages.</summary>
internal sealed class ConversationReader(ChatTemplate template, bool trainOnPrompt, DataTally tally)
{
    public Conversation Read(DataRecord record, DataFormat format)
    {
        var variables = ReadVariables(record);
        var asked = template.For(variables.ContainsKey("tools"));
        foreach (var name in variables.Keys)
            if (name is "tools" or "documents" && !asked.Mentions(name)) throw record.Error($"'{name}' would be lost: the chat template does not write it.");
        var messages = format == DataFormat.Alpaca ? ReadAlpaca(record) : ReadTurns(record, format == DataFormat.ShareGpt ? "conversations" : "messages", asked);
        return messages.Count > 0 ? new Conversation(AddSystem(record, messages), variables) : throw record.Error("the conversation is empty.");
    }

    private static List<ChatMessage> ReadAlpaca(DataRecord record)
    {
        var messages = new List<ChatMessage>();
        if (record.Optional("history") is not null)
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
        return messages;
    }

    private List<ChatMessage> ReadTurns(DataRecord record, string key, ChatTemplate asked) =>
        [.. record.List(key).Select(value =>
        {
            var turn = record with { Value = value };
            var message = TurnReader.Read(turn, asked, trainOnPrompt);
            RecordKeys.CheckTurn(turn, asked, tally);
            return message;
        })];

    /// <summary>A record's own system text stands before the turns.</summary>
    private static List<ChatMessage> AddSystem(DataRecord record, List<ChatMessage> messages)
    {
        var system = record.Text("system", isOptional: true);
        if (system.Length == 0) return messages;
        if (messages[0].Role != "system") return [new ChatMessage("system", system), .. messages];
        return messages[0].Content == system ? messages : throw record.Error("'system' is another text than the first turn, which is the system's too.");
    }

    private static Dictionary<string, object?> ReadVariables(DataRecord record)
    {
        var variables = new Dictionary<string, object?>();
        if (ToolReader.Read(record) is { } tools) variables["tools"] = tools;
        if (record.Optional("documents") is { ValueKind: JsonValueKind.Array } documents && documents.GetArrayLength() > 0)
            variables["documents"] = record.Guard(() => Conversation.ValueOf(documents));
        if (record.Optional("chat_template_kwargs") is not { } others) return variables;
        if (others.ValueKind != JsonValueKind.Object) throw record.Error("'chat_template_kwargs' must be an object.");
        foreach (var other in others.EnumerateObject()) variables[record.Guard(() => other.Name)] = record.Guard(() => Conversation.ValueOf(other.Value));
        return variables;
    }
}
