using System.Text.Json;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Text.Data;

/// <summary>Reads the conversations of the formats alpaca, sharegpt and messages.</summary>
internal sealed class ConversationReader(ChatTemplate template, TrainOn trainOn, DateTime date, DataTally tally)
{
    public Conversation Read(DataRecord record, DataFormat format)
    {
        var variables = ReadVariables(record);
        var asked = template.For(variables.ContainsKey("tools"));
        foreach (var name in variables.Keys)
            if (name is "tools" or "documents" && !asked.Mentions(name)) throw record.Error($"'{name}' would be lost: the chat template does not write it.");
        var messages = format switch
        {
            DataFormat.Alpaca => ReadAlpaca(record, "instruction", "output", asked),
            DataFormat.Pairs when PairKeys.Of(record) is var (prompt, answer) => ReadAlpaca(record, prompt, answer, asked),
            _ => ReadTurns(record, format == DataFormat.ShareGpt && record.Has("conversations") ? "conversations" : "messages", asked),
        };
        return messages.Count > 0 ? new Conversation(Chosen(AddSystem(record, messages)), variables) { Date = date } : throw record.Error("the conversation is empty.");
    }

    private List<ChatMessage> ReadAlpaca(DataRecord record, string prompt, string answer, ChatTemplate asked)
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

        // TRL's conversational prompt and completion are turns themselves.
        if (record.Optional(prompt) is { ValueKind: JsonValueKind.Array } && record.Optional(answer) is { ValueKind: JsonValueKind.Array })
            return [.. messages, .. ReadTurns(record, prompt, asked).Select(turn => turn.Untrained(trainOn != TrainOn.All)), .. ReadTurns(record, answer, asked)];
        var (instruction, input) = (record.Text(prompt), prompt == "input" ? "" : record.Text("input", isOptional: true));
        messages.Add(new ChatMessage("user", input.Length > 0 ? $"{instruction}\n{input}" : instruction));
        messages.Add(new ChatMessage("assistant", record.Text(answer)));
        return messages;
    }

    private List<ChatMessage> ReadTurns(DataRecord record, string key, ChatTemplate asked) =>
        [.. record.List(key).Select(value =>
        {
            var turn = record with { Value = value };
            var message = TurnReader.Read(turn, asked, trainOn == TrainOn.All);
            RecordKeys.CheckTurn(turn, asked, tally);
            return message;
        })];

    /// <summary>Where only the last answer is learned, the others are not.</summary>
    private List<ChatMessage> Chosen(List<ChatMessage> messages)
    {
        if (trainOn != TrainOn.Last) return messages;
        var last = messages.FindLastIndex(message => message.Role == "assistant");
        return [.. messages.Select((message, i) => message.Untrained(i != last))];
    }

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
        if (record.Optional("documents") is { } documents && !RecordKeys.IsEmpty(documents))
        {
            if (documents.ValueKind != JsonValueKind.Array) throw record.Error("'documents' must be a list.");
            variables["documents"] = record.Guard(() => Conversation.ValueOf(documents));
        }

        if (record.Optional("chat_template_kwargs") is not { } others) return variables;
        if (others.ValueKind != JsonValueKind.Object) throw record.Error("'chat_template_kwargs' must be an object.");
        foreach (var other in others.EnumerateObject()) variables[record.Guard(() => other.Name)] = record.Guard(() => Conversation.ValueOf(other.Value));
        return variables;
    }
}
