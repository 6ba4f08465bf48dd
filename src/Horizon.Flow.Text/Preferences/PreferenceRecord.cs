using System.Text.Json;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Preferences;

/// <summary>Turns a record of preferences into records of a prompt and one completion.</summary>
internal static class PreferenceRecord
{
    private const string Prompt = "prompt";
    private const string Completion = "completion";
    private const string Chosen = "chosen";
    private const string Rejected = "rejected";
    private const string Label = "label";

    public static (DataRecord Chosen, DataRecord Rejected) Pair(DataRecord record)
    {
        var (chosen, rejected) = (Needed(record, Chosen), Needed(record, Rejected));
        if (chosen.ValueKind != rejected.ValueKind || chosen.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
            throw record.Error("'chosen' and 'rejected' must both be texts, or both be lists of turns.");
        if (JsonElement.DeepEquals(chosen, rejected)) throw record.Error("'chosen' and 'rejected' are the same: nothing is preferred.");
        if (chosen.ValueKind == JsonValueKind.String) return (With(record, Text(record), chosen), With(record, Text(record), rejected));
        var (first, second) = (Turns(record, Chosen, chosen), Turns(record, Rejected, rejected));
        var shared = first.Zip(second).TakeWhile(pair => JsonElement.DeepEquals(pair.First, pair.Second)).Count();
        if (record.Optional(Prompt) is not { } prompt)
        {
            return shared > 0 && shared < first.Count && shared < second.Count
                ? (With(record, List(first[..shared]), List(first[shared..])), With(record, List(first[..shared]), List(second[shared..])))
                : throw record.Error("without 'prompt', 'chosen' and 'rejected' must begin with the same turns and then differ.");
        }

        // The prompt may be told again in the conversations, as a text or as turns.
        var asked = prompt.ValueKind == JsonValueKind.Array ? Turns(record, Prompt, prompt) : [Turn(record, prompt)];
        if (asked.Count <= shared && asked.Index().All(turn => IsSame(turn.Item, first[turn.Index]))) (first, second) = (first[asked.Count..], second[asked.Count..]);
        if (first.Count == 0 || second.Count == 0) throw record.Error("an answer has no turn beside the prompt.");
        if (Speaker(first[0]) is "user" or "human" || Speaker(second[0]) is "user" or "human")
            throw record.Error("'chosen' and 'rejected' begin with another turn of the user than 'prompt'.");
        return (With(record, List(asked), List(first)), With(record, List(asked), List(second)));
    }

    public static (DataRecord Answer, bool IsDesirable) Rated(DataRecord record)
    {
        var label = Needed(record, Label);
        if (label.ValueKind is not (JsonValueKind.True or JsonValueKind.False)) throw record.Error("'label' must be true or false.");
        var (prompt, completion) = (Needed(record, Prompt), Needed(record, Completion));
        if (completion.ValueKind == JsonValueKind.Array && prompt.ValueKind == JsonValueKind.String) prompt = List([Turn(record, prompt)]);
        if (prompt.ValueKind != completion.ValueKind || prompt.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
            throw record.Error("'prompt' and 'completion' must both be texts, or lists of turns.");
        return (With(record, prompt, completion), label.ValueKind == JsonValueKind.True);
    }

    private static JsonElement Needed(DataRecord record, string key) => record.Value.ValueKind != JsonValueKind.Object
        ? throw record.Error("a record must be an object with keys.")
        : record.Optional(key) ?? throw record.Error($"'{key}' is missing.");

    private static JsonElement Text(DataRecord record) => record.Optional(Prompt) is { ValueKind: JsonValueKind.String } text ? text
        : throw record.Error("'prompt' must be a text where 'chosen' and 'rejected' are.");

    private static List<JsonElement> Turns(DataRecord record, string key, JsonElement list)
    {
        List<JsonElement> turns = [.. list.EnumerateArray()];
        return turns.TrueForAll(turn => turn.ValueKind == JsonValueKind.Object) ? turns : throw record.Error($"every turn of '{key}' must be an object with role and content.");
    }

    private static JsonElement Turn(DataRecord record, JsonElement text) => text.ValueKind == JsonValueKind.String
        ? JsonSerializer.SerializeToElement(new { role = "user", content = record.Guard(text.GetString) })
        : throw record.Error("'prompt' must be a text or a list of turns.");

    private static JsonElement List(IReadOnlyList<JsonElement> turns) => JsonSerializer.SerializeToElement(turns);

    private static bool IsSame(JsonElement one, JsonElement other) => JsonElement.DeepEquals(one, other);

    private static string? Speaker(JsonElement turn) => (turn.TryGetProperty("role", out var role) || turn.TryGetProperty("from", out role))
        && role.ValueKind == JsonValueKind.String ? role.GetString() : null;

    // Every other key stays, and means what it means elsewhere.
    private static DataRecord With(DataRecord record, JsonElement prompt, JsonElement completion) => record with
    {
        Value = JsonElement.Parse(JsonRecord.Write(writer =>
        {
            foreach (var member in record.Value.EnumerateObject())
                if (!(record.Guard(() => member.Name) is Prompt or Completion or Chosen or Rejected or Label)) record.Guard(() => Write(() => member.WriteTo(writer)));
            writer.WritePropertyName(Prompt);
            record.Guard(() => Write(() => prompt.WriteTo(writer)));
            writer.WritePropertyName(Completion);
            record.Guard(() => Write(() => completion.WriteTo(writer)));
        })),
    };

    private static bool Write(Action write)
    {
        write();
        return true;
    }
}
