using System.Collections.Frozen;
using System.Text.Json;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Text.Data;

/// <summary>
/// What each key of a record means, in one place: used, known to change nothing, or changing what training means in a way that does not
/// exist here, and so refused by name. Any other key is said once with a count.
/// </summary>
internal static class RecordKeys
{
    private static readonly FrozenDictionary<DataFormat, FrozenSet<string>> Used = new Dictionary<DataFormat, FrozenSet<string>>
    {
        [DataFormat.Text] = Set("text", "content"),
        [DataFormat.Pairs] = Set("input", "system", "history", "tools", "functions", "documents", "chat_template_kwargs"),
        [DataFormat.Alpaca] = Set("instruction", "input", "output", "system", "history", "tools", "functions", "documents", "chat_template_kwargs"),
        [DataFormat.ShareGpt] = Set("conversations", "system", "tools", "functions", "documents", "chat_template_kwargs"),
        [DataFormat.Messages] = Set("messages", "system", "tools", "functions", "documents", "chat_template_kwargs"),
        [DataFormat.Tokens] = Set("input_ids", "labels", "attention_mask", "completion_mask", "loss_mask", "assistant_masks"),
    }.ToFrozenDictionary();

    /// <summary>The keys of a turn that are read here; the template sees all others.</summary>
    private static readonly FrozenSet<string> UsedOfTurn = Set("role", "from", "content", "value", "weight", "loss_weight", "train");

    private static readonly FrozenSet<string> Harmless = Set(
        "id", "_id", "idx", "index", "uuid", "uid", "conversation_id", "conversation_hash", "prompt_id", "message_id", "parent_id", "question_id", "hash", "sha",
        "source", "sources", "origin", "dataset", "dataset_name", "subset", "split", "url", "uri", "link", "file", "filename", "path", "title", "author", "license",
        "lang", "language", "category", "categories", "subcategory", "topic", "topics", "task", "task_type", "type", "tag", "tags", "domain", "difficulty",
        "meta", "metadata", "info", "extra", "date", "timestamp", "created", "created_at", "updated_at", "model", "model_name", "generator", "version",
        "length", "num_tokens", "token_count", "n_tokens", "num_turns", "special_tokens_mask", "tool_choice", "parallel_tool_calls", "__index_level_0__");

    // What pairs or rates answers: learned in another way than by predicting the next token.
    private static readonly FrozenSet<string> Preferences = Set(
        "chosen", "rejected", "chosen_response", "rejected_response", "chosen_messages", "rejected_messages", "preferred_output", "non_preferred_output");

    private static readonly FrozenSet<string> Media = Set(
        "image", "images", "video", "videos", "audio", "audios", "pixel_values", "inputs_embeds", "input_features");

    private static readonly FrozenSet<string> Weights = Set("weight", "loss_weight", "sample_weight", "train");

    // Where documents lie in a row that is packed already.
    private static readonly FrozenSet<string> Layouts = Set("position_ids", "token_type_ids", "seq_lengths", "cu_seqlens", "sequence_ids", "document_ids", "shift_labels");

    /// <summary>Refuses what changes training and is not supported, and counts what is neither used nor known.</summary>
    /// <exception cref="HorizonException">A key is refused: its data set, not this record alone, is of another kind.</exception>
    public static void Check(DataRecord record, DataFormat format, DataTally tally)
    {
        if (record.Value.ValueKind != JsonValueKind.Object) throw record.Error("a record must be an object with keys.");
        var pair = format == DataFormat.Pairs ? PairKeys.Of(record) : null;
        foreach (var (key, value) in Members(record))
        {
            if (Used[format].Contains(key) || (pair is var (prompt, answer) && (key == prompt || key == answer))) continue;
            if (Refusal(key, value, format) is { } refusal) throw new HorizonException($"{record.Where}: {refusal}");
            if (!IsKnown(key)) tally.CountUnused(key);
        }
    }

    /// <summary>The same for one turn, whose other keys are used where the template mentions them.</summary>
    /// <exception cref="HorizonException">A key is refused.</exception>
    public static void CheckTurn(DataRecord turn, ChatTemplate template, DataTally tally)
    {
        foreach (var (key, value) in Members(turn))
        {
            if (UsedOfTurn.Contains(key)) continue;
            if (Refusal(key, value, DataFormat.Messages) is { } refusal) throw new HorizonException($"{turn.Where}: {refusal}");
            if (!IsKnown(key) && !template.Mentions(key)) tally.CountUnused($"{key} (of turns)");
        }
    }

    /// <summary>Why a record of no known format is refused; null where nothing in it says so.</summary>
    public static string? Refusal(DataRecord record) => record.Value.ValueKind != JsonValueKind.Object
        ? null
        : Members(record).Select(member => Refusal(member.Key, member.Value, DataFormat.Auto)).FirstOrDefault(refusal => refusal is not null);

    private static bool IsKnown(string key) => Harmless.Contains(key) || Weights.Contains(key) || Layouts.Contains(key);

    private static IEnumerable<(string Key, JsonElement Value)> Members(DataRecord record)
    {
        foreach (var member in record.Value.EnumerateObject())
            if (!IsEmpty(member.Value)) yield return (record.Guard(() => member.Name), member.Value);
    }

    private static string? Refusal(string key, JsonElement value, DataFormat format)
    {
        if (Preferences.Contains(key) || (key is "label" or "kto_tag" && IsTruth(value) && format is not (DataFormat.Text or DataFormat.Tokens)))
            return $"'{key}' makes this a record of preferences, which cannot be learned as text: give plain conversations, without '{key}', or name what is learned from preferences, training.objective: {{ name: dpo }} for instance.";
        if (Media.Contains(key)) return $"'{key}' goes with the text, and only text can be trained: leave such records out.";
        if (Weights.Contains(key) && !IsOne(value))
            return $"'{key}' of a whole record is not supported: leave out the records that are not to be trained.";
        if (key == "train_detail") return "'train_detail' trains parts of a turn, which is not supported: use 'weight' or 'train' of whole turns.";
        if (Layouts.Contains(key) && format is DataFormat.Tokens or DataFormat.Auto && !IsPlainLayout(key, value))
            return $"'{key}' lays several documents into one record, which is not supported: give each document as a record.";
        return null;
    }

    /// <summary>Positions that count from 0 and types that are all 0 say nothing that does not hold anyway.</summary>
    private static bool IsPlainLayout(string key, JsonElement value) => value.ValueKind == JsonValueKind.Array
        && key is "position_ids" or "token_type_ids"
        && value.EnumerateArray().Index().All(item => item.Item.ValueKind == JsonValueKind.Number
            && item.Item.TryGetInt32(out var number) && number == (key == "position_ids" ? item.Index : 0));

    private static bool IsTruth(JsonElement value) => value.ValueKind is JsonValueKind.True or JsonValueKind.False;

    private static bool IsOne(JsonElement value) =>
        value.ValueKind == JsonValueKind.True || (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number == 1);

    /// <summary>Whether a value says nothing: null, or a text, list or object without content.</summary>
    public static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.String => value.ValueEquals(""),
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    private static FrozenSet<string> Set(params string[] keys) => keys.ToFrozenSet(StringComparer.Ordinal);
}
