using System.Text.Json;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Preferences;

/// <summary>A question with its input and what came before it, as turns.</summary>
internal static class QuestionTurns
{
    public const string Input = "input";
    public const string History = "history";

    /// <summary>The turns of the history, if there is one, and the user's.</summary>
    /// <param name="record">The record.</param>
    /// <param name="key">Of the question.</param>
    public static List<JsonElement> Of(DataRecord record, string key)
    {
        var turns = new List<JsonElement>();
        foreach (var exchange in record.Optional(History) is null ? [] : record.List(History))
        {
            if (exchange.ValueKind != JsonValueKind.Array || exchange.GetArrayLength() != 2) throw record.Error($"'{History}' must hold pairs of strings.");
            turns.AddRange([Turn(record, "user", exchange[0]), Turn(record, "assistant", exchange[1])]);
        }

        var (question, input) = (record.Text(key), key == Input ? "" : record.Text(Input, isOptional: true));
        return [.. turns, Turn("user", input.Length > 0 ? $"{question}\n{input}" : question)];
    }

    /// <summary>A turn of a text.</summary>
    public static JsonElement Turn(DataRecord record, string role, JsonElement text) => text.ValueKind == JsonValueKind.String
        ? Turn(role, record.Guard(() => text.GetString()!))
        : throw record.Error($"what the {role} says must be a text.");

    private static JsonElement Turn(string role, string content) => JsonSerializer.SerializeToElement(new { role, content });
}
