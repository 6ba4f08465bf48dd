using System.Text.Json;
using System.Text.Unicode;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.Safetensors;

namespace Horizon.Flow.Host.ModelFolders;

/// <summary>Reads <c>model.safetensors.index.json</c>, which is untrusted: which tensor lies in which file.</summary>
internal static class ShardIndex
{
    public const string FileName = "model.safetensors.index.json";

    private const int DeepestNesting = 16;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <returns>File name by tensor name; every file name is plain, without a folder.</returns>
    /// <exception cref="HorizonException">The index cannot be read, is damaged, or names a file outside its folder.</exception>
    public static IReadOnlyDictionary<string, string> Read(string path)
    {
        try
        {
            ReadOnlySpan<byte> json = UntrustedFile.ReadBytes(path, SafetensorsFile.LongestHeader, "a shard index");
            if (json.StartsWith(ByteOrderMark)) json = json[ByteOrderMark.Length..];
            if (!Utf8.IsValid(json)) throw Bad(path, "it is not valid UTF-8");
            return Parse(path, json);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new HorizonException($"{path} is no shard index: it is not valid JSON; download it again", error);
        }
    }

    private static Dictionary<string, string> Parse(string path, ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = DeepestNesting });
        Dictionary<string, string>? files = null;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) throw Bad(path, "it is not a JSON object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMap = reader.ValueTextEquals("weight_map"u8);
            reader.Read();
            if (!isMap) reader.Skip();
            else if (files is null) files = ParseMap(path, ref reader);
            else throw Bad(path, "it holds weight_map twice");
        }

        reader.Read();
        return files ?? throw Bad(path, "it holds no weight_map");
    }

    private static Dictionary<string, string> ParseMap(string path, ref Utf8JsonReader reader)
    {
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        if (reader.TokenType != JsonTokenType.StartObject) throw Bad(path, "its weight_map is not an object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var tensor = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String) throw Bad(path, $"it gives no file name for tensor {tensor.Shown()}");
            var file = reader.GetString()!;
            if (!IsPlain(file)) throw Bad(path, $"it places tensor {tensor.Shown()} in {file.Shown()}, which is no file of this folder");
            if (!files.TryAdd(tensor, file)) throw Bad(path, $"tensor {tensor.Shown()} is listed twice");
        }

        return files;
    }

    private static bool IsPlain(string file) =>
        file is not ("" or "." or "..") && file.Length <= 255 && !file.Any(c => c is '/' or '\\' or ':' || char.IsControl(c));

    private static HorizonException Bad(string path, string problem) => new($"{path} is no shard index: {problem}; download it again");
}
