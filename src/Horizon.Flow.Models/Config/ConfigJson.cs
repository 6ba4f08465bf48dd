using System.Text.Json;
using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Models;

/// <summary>
/// An object of a config.json with typed, bounded reading: every getter either gives a sane value or says in one sentence which
/// key of which file is wrong. A JSON null counts as missing. It remembers what was asked for: what a family never asks for it does not
/// understand (<see cref="Unread"/>).
/// </summary>
public sealed class ConfigJson
{
    /// <summary>A config.json is a few kilobytes; larger ones are not read.</summary>
    public const int MaximumBytes = 16 << 20;

    private readonly JsonElement _object;
    private readonly string _prefix;
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ConfigJson> _objects = new(StringComparer.Ordinal);

    private ConfigJson(JsonElement json, string source, string prefix)
    {
        _object = json;
        Source = source;
        _prefix = prefix;
    }

    /// <summary>Where it was read from, for messages.</summary>
    public string Source { get; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="HorizonException">Missing, unreadable, too large or no JSON object.</exception>
    public static ConfigJson ReadFile(string path) =>
        Parse(UntrustedFile.ReadText(path, MaximumBytes, "a config.json"), path);

    /// <summary>Parses text.</summary>
    /// <exception cref="HorizonException">No JSON object.</exception>
    public static ConfigJson Parse(string text, string source)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false });
            CheckTexts(document.RootElement);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new HorizonException($"{source}: a config.json must be a JSON object, this is a {document.RootElement.ValueKind}");
            return new ConfigJson(document.RootElement.Clone(), source, "");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new HorizonException($"{source}: not valid JSON: {error.Message}", error);
        }
    }

    /// <summary>The keys that are there and not null.</summary>
    public IReadOnlyList<string> Keys => [.. _object.EnumerateObject().Where(member => member.Value.ValueKind != JsonValueKind.Null).Select(member => member.Name)];

    /// <summary>
    /// The keys that are there and that nobody has asked for, those of nested objects too, each with its path, such as <c>rope_scaling.beta_fast</c>.
    /// </summary>
    public IReadOnlyList<string> Unread =>
    [
        .. Keys.Where(key => !_read.Contains(key)).Select(key => _prefix + key),
        .. _objects.Values.SelectMany(nested => nested.Unread),
    ];

    /// <summary>Whether the key is there and not null.</summary>
    public bool Has(string key) => Find(key) is not null;

    /// <summary>Whether the key is there and says null.</summary>
    public bool IsNull(string key) => !Has(key) && _object.TryGetProperty(key, out _);

    /// <summary>Whether the key is there and holds an object.</summary>
    public bool IsObject(string key) => _object.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Object;

    /// <summary>Whether the key is there and holds a list.</summary>
    public bool IsList(string key) => _object.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Array;

    /// <summary>Whether the key is there and holds a text.</summary>
    public bool IsText(string key) => _object.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String;

    /// <summary>Whether the key is missing, null or false, or holds nothing: an empty text, list or object.</summary>
    public bool IsEmpty(string key) => !_object.TryGetProperty(key, out var value) || value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.String => value.GetString()!.Length == 0,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    /// <summary>A whole number within bounds; <paramref name="fallback"/> if missing, an error where that is null.</summary>
    public int Integer(string key, int minimum, int maximum, int? fallback = null) =>
        Find(key) is not { } value ? fallback ?? throw Missing(key)
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= minimum && number <= maximum ? number
        : throw Wrong(key, value, $"a whole number from {minimum:N0} to {maximum:N0}");

    /// <summary>A finite number within bounds; <paramref name="fallback"/> if missing, an error where that is null.</summary>
    public double Number(string key, double minimum, double maximum, double? fallback = null) =>
        Find(key) is not { } value ? fallback ?? throw Missing(key)
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= minimum && number <= maximum ? number
        : throw Wrong(key, value, $"a number from {minimum:G6} to {maximum:G6}");

    /// <summary>true or false; <paramref name="fallback"/> if missing.</summary>
    public bool Flag(string key, bool fallback) => Find(key) is not { } value ? fallback : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(key, value, "true or false"),
    };

    /// <summary>A text; null if missing.</summary>
    public string? Text(string key) =>
        Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Wrong(key, value, "a text");

    /// <summary>A list of texts; null if missing.</summary>
    public IReadOnlyList<string>? Texts(string key) =>
        Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
            ? [.. value.EnumerateArray().Select(item => item.GetString()!)]
            : throw Wrong(key, value, "a list of texts");

    /// <summary>A list of finite numbers within bounds; null if missing.</summary>
    public IReadOnlyList<double>? Numbers(string key, double minimum, double maximum) =>
        Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item =>
            item.ValueKind == JsonValueKind.Number && item.TryGetDouble(out var number) && number >= minimum && number <= maximum)
            ? [.. value.EnumerateArray().Select(item => item.GetDouble())]
            : throw Wrong(key, value, $"a list of numbers from {minimum:G6} to {maximum:G6}");

    /// <summary>A nested object; null if missing.</summary>
    public ConfigJson? Object(string key)
    {
        if (Find(key) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Object) throw Wrong(key, value, "an object");
        if (!_objects.TryGetValue(key, out var nested)) _objects.Add(key, nested = new ConfigJson(value, Source, $"{_prefix}{key}."));
        return nested;
    }

    /// <summary>An error about one key: <c>file: key reason</c>.</summary>
    public HorizonException Refuse(string key, string reason) => new($"{Source}: {_prefix}{key} {reason}");

    // JSON allows escaped halves of surrogate pairs, which are no text: whoever meets one later would fail in the middle of its work.
    private static void CheckTexts(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String) _ = value.GetString();
        if (value.ValueKind == JsonValueKind.Array)
            foreach (var item in value.EnumerateArray()) CheckTexts(item);
        if (value.ValueKind != JsonValueKind.Object) return;
        foreach (var member in value.EnumerateObject())
        {
            _ = member.Name;
            CheckTexts(member.Value);
        }
    }

    private JsonElement? Find(string key)
    {
        _read.Add(key);
        return _object.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    private HorizonException Missing(string key) => Refuse(key, "is missing");

    private HorizonException Wrong(string key, JsonElement value, string wanted)
    {
        var text = value.GetRawText();
        return Refuse(key, $"must be {wanted}, not {(text.Length > 60 ? text[..60] + "..." : text)}");
    }
}
