using System.Text.Json;

namespace Horizon.Flow.Text.Data;

/// <summary>Gives the keys and roles of a data set the names that are read here; a record without a mapping stays as it is.</summary>
internal sealed class ColumnMap
{
    private readonly Dictionary<string, string> _record = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _turn = new(StringComparer.Ordinal);
    private readonly string[] _needed;
    private readonly IReadOnlyDictionary<string, string> _roles;
    private readonly string? _turns;
    private readonly bool _isEmpty;

    public ColumnMap(DataColumns columns, IReadOnlyDictionary<string, string> roles)
    {
        _roles = roles;
        _turns = columns.Turns;
        Add(_record, columns.Text, "text");
        // A prompt with an answer is an instruction: it has an input and a history too.
        Add(_record, columns.Prompt, "instruction");
        Add(_record, columns.Input, "input");
        Add(_record, columns.Answer, "output");
        Add(_record, columns.System, "system");
        Add(_record, columns.History, "history");
        Add(_record, columns.Turns, "messages");
        Add(_record, columns.Tools, "tools");
        Add(_record, columns.Chosen, "chosen");
        Add(_record, columns.Rejected, "rejected");
        Add(_record, columns.Label, "label");
        Add(_turn, columns.Role, "role");
        Add(_turn, columns.Content, "content");
        _needed = [.. new[] { columns.Text, columns.Prompt, columns.Answer, columns.Turns, columns.Chosen, columns.Rejected, columns.Label }.OfType<string>()];
        HasPair = columns.Prompt is not null && columns.Answer is not null;
        _isEmpty = _record.Count == 0 && _turn.Count == 0 && _roles.Count == 0;
    }

    /// <summary>Whether it names a prompt and an answer, so that no others are looked for.</summary>
    public bool HasPair { get; }

    /// <exception cref="BadRecordException">A key that the mapping names is missing.</exception>
    public DataRecord Apply(DataRecord record)
    {
        if (_isEmpty || record.Value.ValueKind != JsonValueKind.Object) return record;
        if (Array.Find(_needed, key => !record.Has(key)) is { } missing) throw record.Error($"the key '{missing}', which data.columns names, is missing.");
        return record with { Value = record.Guard(() => JsonElement.Parse(JsonRecord.Write(writer => WriteRecord(writer, record.Value)))) };
    }

    private void WriteRecord(Utf8JsonWriter writer, JsonElement record)
    {
        foreach (var member in record.EnumerateObject())
        {
            if (Renamed(_record, member.Name) is not { } name) continue;
            writer.WritePropertyName(name);
            var holdsTurns = name is "chosen" or "rejected" || member.Name == _turns || (_turns is null && member.Name is "messages" or "conversations");
            if (holdsTurns && member.Value.ValueKind == JsonValueKind.Array) WriteTurns(writer, member.Value);
            else if (holdsTurns && member.Value.ValueKind == JsonValueKind.Object) WriteTurn(writer, member.Value);
            else member.Value.WriteTo(writer);
        }
    }

    private void WriteTurns(Utf8JsonWriter writer, JsonElement turns)
    {
        writer.WriteStartArray();
        foreach (var turn in turns.EnumerateArray())
        {
            if (turn.ValueKind == JsonValueKind.Object) WriteTurn(writer, turn);
            else turn.WriteTo(writer);
        }

        writer.WriteEndArray();
    }

    private void WriteTurn(Utf8JsonWriter writer, JsonElement turn)
    {
        writer.WriteStartObject();
        foreach (var member in turn.EnumerateObject())
        {
            if (Renamed(_turn, member.Name) is not { } name) continue;
            writer.WritePropertyName(name);
            if (name is "role" or "from" && member.Value.ValueKind == JsonValueKind.String && _roles.TryGetValue(member.Value.GetString()!, out var role)) writer.WriteStringValue(role);
            else member.Value.WriteTo(writer);
        }

        writer.WriteEndObject();
    }

    /// <summary>Our name of a key; null for what has our name but another meaning, which gives way to what stands for it.</summary>
    private static string? Renamed(Dictionary<string, string> names, string key) =>
        names.TryGetValue(key, out var ours) ? ours : names.ContainsValue(key) ? null : key;

    private static void Add(Dictionary<string, string> names, string? theirs, string ours)
    {
        if (theirs is not null && !names.TryAdd(theirs, ours)) throw new HorizonException($"data.columns names '{theirs}' twice: each key has one meaning.");
    }
}
