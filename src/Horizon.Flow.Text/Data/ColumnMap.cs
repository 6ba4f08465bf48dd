using System.Text;
using System.Text.Json;

namespace Horizon.Flow.Text;

/// <summary>Gives the keys and roles of a data set the names that are read here; a record without a mapping stays as it is.</summary>
internal sealed class ColumnMap
{
    private readonly Dictionary<string, string> _record = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _turn = new(StringComparer.Ordinal);
    private readonly IReadOnlyDictionary<string, string> _roles;
    private readonly string? _turns;

    public ColumnMap(DataColumns columns)
    {
        _roles = columns.Roles;
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
        Add(_turn, columns.Role, "role");
        Add(_turn, columns.Content, "content");
    }

    private bool IsEmpty => _record.Count == 0 && _turn.Count == 0 && _roles.Count == 0;

    /// <exception cref="BadRecordException">A key that the mapping names is missing.</exception>
    public DataRecord Apply(DataRecord record)
    {
        if (IsEmpty || record.Value.ValueKind != JsonValueKind.Object) return record;
        foreach (var needed in _record.Where(key => key.Value is "text" or "instruction" or "output" or "messages"))
            if (!record.Has(needed.Key)) throw record.Error($"the key '{needed.Key}', which data.columns names, is missing.");
        var json = record.Guard(() => JsonRecord.Write(writer => WriteRecord(writer, record.Value)));
        using var document = JsonDocument.Parse(Encoding.UTF8.GetBytes(json));
        return record with { Value = document.RootElement.Clone() };
    }

    private void WriteRecord(Utf8JsonWriter writer, JsonElement record)
    {
        foreach (var member in record.EnumerateObject())
        {
            var name = _record.GetValueOrDefault(member.Name);
            // What has our name but another meaning gives way to what stands for it.
            if (name is null && _record.ContainsValue(member.Name)) continue;
            writer.WritePropertyName(name ?? member.Name);
            if (member.Value.ValueKind == JsonValueKind.Array && (member.Name == _turns || (_turns is null && member.Name is "messages" or "conversations"))) WriteTurns(writer, member.Value);
            else member.Value.WriteTo(writer);
        }
    }

    private void WriteTurns(Utf8JsonWriter writer, JsonElement turns)
    {
        writer.WriteStartArray();
        foreach (var turn in turns.EnumerateArray())
        {
            if (turn.ValueKind != JsonValueKind.Object)
            {
                turn.WriteTo(writer);
                continue;
            }

            writer.WriteStartObject();
            foreach (var member in turn.EnumerateObject())
            {
                var name = _turn.GetValueOrDefault(member.Name, member.Name);
                writer.WritePropertyName(name);
                if (name is "role" or "from" && member.Value.ValueKind == JsonValueKind.String && _roles.TryGetValue(member.Value.GetString()!, out var role)) writer.WriteStringValue(role);
                else member.Value.WriteTo(writer);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void Add(Dictionary<string, string> names, string? theirs, string ours)
    {
        if (theirs is not null && !names.TryAdd(theirs, ours)) throw new HorizonException($"data.columns names '{theirs}' twice: each key has one meaning.");
    }
}
