using System.Text.Json;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Preferences;

/// <summary>Turns a record of preferences into records of a prompt and one completion.</summary>
internal static class PreferenceRecord
{
    private const string Prompt = "prompt";
    private const string Completion = "completion";

    // Of several, the first that a record has.
    private static readonly (string Chosen, string Rejected)[] Answers = [("chosen", "rejected"), ("chosen_response", "rejected_response"), ("preferred_output", "non_preferred_output")];
    private static readonly string[] Labels = ["label", "kto_tag"];
    private static readonly string[] Conversations = ["conversations", "messages"];
    private static readonly string[] Questions = ["instruction", "question", "query", "problem", "user", QuestionTurns.Input];

    public static (DataRecord Chosen, DataRecord Rejected) Pair(DataRecord record)
    {
        var request = Request(record);
        var (preferred, other) = Answers.FirstOrDefault(names => record.Has(names.Chosen), Answers[0]);
        var (chosen, rejected) = (Answer(record, preferred), Answer(record, other));
        if (chosen.ValueKind != rejected.ValueKind || chosen.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
            throw record.Error($"'{preferred}' and '{other}' must both be texts, or both be lists of turns.");
        if (JsonElement.DeepEquals(chosen, rejected)) throw record.Error($"'{preferred}' and '{other}' are the same: nothing is preferred.");
        var (prompt, from) = Asked(request);
        if (chosen.ValueKind == JsonValueKind.String)
        {
            if (prompt is { ValueKind: JsonValueKind.String } text) return (With(request, from, text, chosen), With(request, from, text, rejected));
            if (prompt is not { ValueKind: JsonValueKind.Array }) throw record.Error($"'{Prompt}' must be a text where '{preferred}' and '{other}' are.");
            (chosen, rejected) = (List([QuestionTurns.Turn(record, "assistant", chosen)]), List([QuestionTurns.Turn(record, "assistant", rejected)]));
        }

        var (first, second) = (Turns(record, preferred, chosen), Turns(record, other, rejected));
        var shared = first.Zip(second).TakeWhile(pair => JsonElement.DeepEquals(pair.First, pair.Second)).Count();
        if (prompt is null)
        {
            return shared > 0 && shared < first.Count && shared < second.Count
                ? (With(request, from, List(first[..shared]), List(first[shared..])), With(request, from, List(first[..shared]), List(second[shared..])))
                : throw record.Error($"without '{Prompt}', '{preferred}' and '{other}' must begin with the same turns and then differ.");
        }

        // The prompt may be told again in the conversations, as a text or as turns.
        var asked = AsTurns(record, prompt.Value);
        if (asked.Count <= shared && asked.Index().All(turn => JsonElement.DeepEquals(turn.Item, first[turn.Index]))) (first, second) = (first[asked.Count..], second[asked.Count..]);
        if (first.Count == 0 || second.Count == 0) throw record.Error("an answer has no turn beside the prompt.");
        if (IsUser(first[0]) || IsUser(second[0])) throw record.Error($"'{preferred}' and '{other}' begin with another turn of the user than '{Prompt}'.");
        return (With(request, from, List(asked), List(first)), With(request, from, List(asked), List(second)));
    }

    public static (DataRecord Answer, bool IsDesirable) Rated(DataRecord record)
    {
        var name = Labels.FirstOrDefault(record.Has, Labels[0]);
        var label = Needed(record, name);
        if (label.ValueKind is not (JsonValueKind.True or JsonValueKind.False)) throw record.Error($"'{name}' must be true or false.");
        var (prompt, completion, from) = Exchange(record);
        if (completion.ValueKind == JsonValueKind.Array && prompt.ValueKind == JsonValueKind.String) prompt = List(AsTurns(record, prompt));
        if (prompt.ValueKind != completion.ValueKind || prompt.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
            throw record.Error("'prompt' and 'completion' must both be texts, or lists of turns.");
        return (With(record, from, prompt, completion), label.ValueKind == JsonValueKind.True);
    }

    // A rated answer, what it answers, and the keys that both come from.
    private static (JsonElement Prompt, JsonElement Completion, string[] From) Exchange(DataRecord record)
    {
        if (record.Has(Prompt) && record.Has(Completion)) return (Needed(record, Prompt), Needed(record, Completion), []);
        if (Array.Find(Conversations, record.Has) is { } key)
        {
            var turns = Turns(record, key, Needed(record, key));
            return turns.Count > 1 && !IsUser(turns[^1]) ? (List(turns[..^1]), List(turns[^1..]), [key]) : throw record.Error($"'{key}' must end with the answer that is rated.");
        }

        return (record.Has("instruction") && record.Has("output") ? ("instruction", "output") : PairKeys.Of(record)) is var (question, answer)
            ? (List(QuestionTurns.Of(record, question)), List([QuestionTurns.Turn(record, "assistant", Needed(record, answer))]), [question, answer, QuestionTurns.Input, QuestionTurns.History])
            : (Needed(record, Prompt), Needed(record, Completion), []);
    }

    // What the answers answer, and the keys that it comes from: turns, or a text that they go on with; null where they tell it themselves.
    private static (JsonElement? Prompt, string[] From) Asked(DataRecord record)
    {
        if (record.Optional(Prompt) is { } prompt) return (prompt, []);
        if (Array.Find(Conversations, record.Has) is { } key) return (List(Turns(record, key, Needed(record, key))), [key]);
        return Array.Find(Questions, record.Has) is { } question ? (List(QuestionTurns.Of(record, question)), [question, QuestionTurns.Input, QuestionTurns.History]) : (null, []);
    }

    // OpenAI's records ask by an object: {"input": {"messages": [...], "tools": [...]}, "preferred_output": [...], "non_preferred_output": [...]}.
    private static DataRecord Request(DataRecord record) => record.Optional(QuestionTurns.Input) is not { ValueKind: JsonValueKind.Object } input ? record : record with
    {
        Value = Rewritten(record, name => name == QuestionTurns.Input, writer =>
        {
            foreach (var member in input.EnumerateObject()) record.Write(member, writer);
        }),
    };

    private static JsonElement Needed(DataRecord record, string key) => record.Value.ValueKind != JsonValueKind.Object
        ? throw record.Error("a record must be an object with keys.")
        : record.Optional(key) ?? throw record.Error($"'{key}' is missing.");

    // One turn stands for a list of it.
    private static JsonElement Answer(DataRecord record, string key) => Needed(record, key) is { ValueKind: JsonValueKind.Object } turn ? List([turn]) : Needed(record, key);

    private static List<JsonElement> Turns(DataRecord record, string key, JsonElement list) =>
        list.ValueKind == JsonValueKind.Array && list.EnumerateArray().ToList() is var turns && turns.TrueForAll(turn => turn.ValueKind == JsonValueKind.Object)
            ? turns
            : throw record.Error($"every turn of '{key}' must be an object with role and content.");

    private static List<JsonElement> AsTurns(DataRecord record, JsonElement prompt) => prompt.ValueKind switch
    {
        JsonValueKind.Array => Turns(record, Prompt, prompt),
        JsonValueKind.String => [QuestionTurns.Turn(record, "user", prompt)],
        _ => throw record.Error($"'{Prompt}' must be a text or a list of turns."),
    };

    private static JsonElement List(IReadOnlyList<JsonElement> turns) => JsonSerializer.SerializeToElement(turns);

    private static bool IsUser(JsonElement turn) => (turn.TryGetProperty("role", out var role) || turn.TryGetProperty("from", out role))
        && role.ValueKind == JsonValueKind.String && role.GetString() is "user" or "human";

    // Every other key stays, and means what it means elsewhere.
    private static DataRecord With(DataRecord record, string[] from, JsonElement prompt, JsonElement completion) => record with
    {
        Value = Rewritten(
            record,
            name => name is Prompt or Completion || from.Contains(name) || Labels.Contains(name) || Answers.Any(names => name == names.Chosen || name == names.Rejected),
            writer =>
            {
                writer.WritePropertyName(Prompt);
                record.Write(prompt, writer);
                writer.WritePropertyName(Completion);
                record.Write(completion, writer);
            }),
    };

    private static JsonElement Rewritten(DataRecord record, Func<string, bool> isLeft, Action<Utf8JsonWriter> add) => JsonElement.Parse(JsonRecord.Write(writer =>
    {
        foreach (var member in record.Value.EnumerateObject())
            if (!isLeft(record.Guard(() => member.Name))) record.Write(member, writer);
        add(writer);
    }));
}
