using System.Text.Json;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Preferences;

/// <summary>Makes prompts of records: a text is continued as it stands, turns are answered by the chat template.</summary>
internal sealed class PromptBuilder(DataOptions options, ITokenizer tokenizer, int vocabularySize, DateTime date, DataTally tally)
{
    // As in the shapes of other data: a prompt is a text or turns, an instruction is a turn of the user's.
    private static readonly string[] Keys = ["prompt", "messages", "instruction", "question"];

    /// <summary>The prompt; null where it is longer than <see cref="DataOptions.SequenceLength"/>.</summary>
    public PromptRecord? Of(DataRecord record)
    {
        if (record.Value.ValueKind != JsonValueKind.Object) throw record.Error("a record must be an object with keys.");
        var key = Array.Find(Keys, key => record.Optional(key) is not null) ?? throw record.Error($"a prompt is missing; known are {string.Join(", ", Keys)}, and data.columns.prompt names another key.");
        var prompt = record.Optional(key)!.Value;
        if (prompt.ValueKind == JsonValueKind.String && (key is "instruction" or "question") && tokenizer.ChatTemplate is not null) prompt = JsonSerializer.SerializeToElement(QuestionTurns.Of(record, key));
        var (text, ids) = prompt.ValueKind switch
        {
            JsonValueKind.String when key != "messages" => Plain(record.Guard(() => prompt.GetString()!)),
            JsonValueKind.Array => Turns(record, prompt),
            _ => throw record.Error($"'{key}' must be {(key == "messages" ? "" : "a text or ")}a list of turns."),
        };
        if (ids.Count == 0) throw record.Error($"'{key}' has no token.");
        foreach (var id in ids)
            if ((uint)id >= (uint)vocabularySize) throw record.Error($"the token id {id} is not in the model's vocabulary of {vocabularySize} tokens; use the tokenizer that the model was made with.");
        return ids.Count > options.SequenceLength ? null : new PromptRecord(ids, text, record.Value) { Prompt = prompt };
    }

    private (string Text, IReadOnlyList<int> Ids) Plain(string text) => (text, tokenizer.Encode(text, addSpecialTokens: true));

    private (string Text, IReadOnlyList<int> Ids) Turns(DataRecord record, JsonElement turns)
    {
        var template = tokenizer.ChatTemplate
            ?? throw new HorizonException($"{record.Where}: turns need a chat template, and the tokenizer has none: add chat_template.jinja to the model folder.");
        tally.SeeTemplate();
        var conversation = new ConversationReader(template, TrainOn.Answers, date, tally).Read(AsMessages(record, turns), DataFormat.Messages);
        try
        {
            var text = template.Render(conversation, addGenerationPrompt: true).Text;
            return (text, tokenizer.Encode(text, addSpecialTokens: false));
        }
        catch (HorizonException refused)
        {
            throw record.Error(refused.Message, refused);
        }
    }

    private static DataRecord AsMessages(DataRecord record, JsonElement turns) => record with
    {
        Value = JsonElement.Parse(JsonRecord.Write(writer =>
        {
            writer.WritePropertyName("messages");
            record.Write(turns, writer);
            foreach (var key in (string[])["system", "tools", "chat_template_kwargs"])
            {
                if (record.Optional(key) is not { } value) continue;
                writer.WritePropertyName(key);
                record.Write(value, writer);
            }
        })),
    };
}
