using System.Text.Json;
using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>A value in a JSON file that knows its file and its path, so that every complaint names both.</summary>
internal readonly struct JsonPart
{
    /// <summary>No vocabulary is larger; a wrong id must not fill the memory.</summary>
    private const int HighestId = (1 << 24) - 1;

    /// <summary>The largest tokenizer.json known has some 40 MB.</summary>
    private const long LongestFile = 1 << 28;

    private readonly JsonElement _element;

    private JsonPart(JsonElement element, string file, string path)
    {
        _element = element;
        File = file;
        Path = path;
    }

    public string File { get; }

    public string Path { get; }

    public bool IsNull => _element.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    public bool IsString => _element.ValueKind == JsonValueKind.String;

    public bool IsArray => _element.ValueKind == JsonValueKind.Array;

    public bool IsObject => _element.ValueKind == JsonValueKind.Object;

    public bool IsNumber => _element.ValueKind == JsonValueKind.Number;

    /// <summary>Reads a file.</summary>
    public static JsonPart Read(string file)
    {
        try
        {
            using var stream = UntrustedFile.OpenRead(file, LongestFile, $"a {System.IO.Path.GetFileName(file)}");
            using var document = JsonDocument.Parse(stream);
            return new JsonPart(document.RootElement.Clone(), file, "");
        }
        catch (JsonException e)
        {
            throw new HorizonException($"{file} is not valid JSON (line {e.LineNumber + 1}): fetch the file again.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"{file} cannot be read: {e.Message}", e);
        }
    }

    public HorizonException Error(string complaint, Exception? cause = null)
    {
        var message = Path.Length == 0 ? $"{File}: {complaint}" : $"{File}: {Path} {complaint}";
        return cause is null ? new HorizonException(message) : new HorizonException(message, cause);
    }

    /// <summary>A member, null-valued where it is absent.</summary>
    public JsonPart Optional(string name)
    {
        if (IsNull) return new JsonPart(default, File, Join(name));
        if (!IsObject) throw Error($"must be an object, not {Kind}.");
        return new JsonPart(_element.TryGetProperty(name, out var value) ? value : default, File, Join(name));
    }

    public JsonPart Required(string name)
    {
        var part = Optional(name);
        return part.IsNull ? throw part.Error("is missing.") : part;
    }

    public string AsString()
    {
        if (!IsString) throw Error($"must be a string, not {Kind}.");
        try
        {
            return _element.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw Error("is not valid Unicode.", e);
        }
    }

    public string AsString(string otherwise) => IsNull ? otherwise : AsString();

    public int AsInt() =>
        IsNumber && _element.TryGetInt32(out var value) ? value : throw Error($"must be a whole number, not {Kind}.");

    public int AsId() => AsInt() is var id and >= 0 and <= HighestId ? id : throw Error($"must be a token id from 0 to {HighestId}.");

    public bool AsBool(bool otherwise) => _element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null or JsonValueKind.Undefined => otherwise,
        _ => throw Error($"must be true or false, not {Kind}."),
    };

    public IEnumerable<JsonPart> Items()
    {
        if (!IsArray) throw Error($"must be a list, not {Kind}.");
        return Enumerate(this);

        static IEnumerable<JsonPart> Enumerate(JsonPart part)
        {
            var index = 0;
            foreach (var item in part._element.EnumerateArray())
                yield return new JsonPart(item, part.File, $"{part.Path}[{index++}]");
        }
    }

    public List<(string Name, JsonPart Value)> Members()
    {
        if (!IsObject) throw Error($"must be an object, not {Kind}.");
        var members = new List<(string Name, JsonPart Value)>();
        try
        {
            foreach (var member in _element.EnumerateObject())
                members.Add((member.Name, new JsonPart(member.Value, File, Join(member.Name))));
        }
        catch (InvalidOperationException e)
        {
            throw Error("has a member whose name is not valid Unicode.", e);
        }

        return members;
    }

    private string Kind => _element.ValueKind.ToString().ToLowerInvariant();

    private string Join(string name) => Path.Length == 0 ? name : $"{Path}.{name}";
}
