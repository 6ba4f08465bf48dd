using System.Text.Json;
using System.Text.Unicode;

namespace Horizon.Flow.Host.Safetensors;

/// <summary>
/// Reads the JSON header of a safetensors file, which is untrusted. What it returns describes the data section exactly: no
/// holes, no overlaps, each tensor as long as its type and shape say.
/// </summary>
internal ref struct SafetensorsHeader
{
    private const int DeepestNesting = 4;
    private const int MostDimensions = 64;

    private readonly string _file;
    private readonly long _dataStart;
    private readonly long _dataLength;
    private readonly Dictionary<string, TensorInfo> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
    private Utf8JsonReader _reader;

    private SafetensorsHeader(ReadOnlySpan<byte> json, string file, long dataStart, long dataLength)
    {
        _file = file;
        _dataStart = dataStart;
        _dataLength = dataLength;
        _reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = DeepestNesting });
    }

    /// <summary>Parses and checks.</summary>
    /// <param name="json">The header without its length.</param>
    /// <param name="file">The path, for messages.</param>
    /// <param name="dataStart">Where in the file the data section begins.</param>
    /// <param name="dataLength">How long it is.</param>
    public static (IReadOnlyDictionary<string, TensorInfo> Tensors, IReadOnlyDictionary<string, string> Metadata) Parse(
        ReadOnlySpan<byte> json, string file, long dataStart, long dataLength)
    {
        var header = new SafetensorsHeader(json, file, dataStart, dataLength);
        if (!Utf8.IsValid(json)) throw header.Bad("its header is not valid UTF-8");
        try
        {
            header.ParseRoot();
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escaped half of a surrogate pair.
            throw header.Bad($"its header is not valid JSON near byte {header._reader.BytesConsumed}", error);
        }

        header.CheckCoverage();
        return (header._tensors, header._metadata);
    }

    private void ParseRoot()
    {
        _reader.Read();
        if (_reader.TokenType != JsonTokenType.StartObject) throw Bad("its header is not a JSON object");
        while (NextProperty() is { } name)
        {
            if (name == "__metadata__") ParseMetadata();
            else if (!_tensors.TryAdd(name, ParseTensor(name))) throw Bad($"tensor {name.Shown()} is listed twice");
        }

        // Finds anything but white space behind the root.
        _reader.Read();
    }

    private void ParseMetadata()
    {
        _reader.Read();
        if (_reader.TokenType != JsonTokenType.StartObject) throw Bad("__metadata__ is not an object");
        while (NextProperty() is { } key)
        {
            _reader.Read();
            if (_reader.TokenType != JsonTokenType.String) throw Bad($"__metadata__ holds something other than text under {key.Shown()}");
            if (!_metadata.TryAdd(key, _reader.GetString()!)) throw Bad($"__metadata__ holds {key.Shown()} twice");
        }
    }

    private TensorInfo ParseTensor(string name)
    {
        SafetensorsType? type = null;
        List<long>? shape = null, offsets = null;
        _reader.Read();
        if (_reader.TokenType != JsonTokenType.StartObject) throw BadTensor(name, "is not described by an object");
        while (NextProperty() is { } field)
        {
            _reader.Read();
            switch (field)
            {
                case "dtype" when type is null:
                    type = ParseType(name);
                    break;
                case "shape" when shape is null:
                    shape = ParseNumbers(name, field, MostDimensions);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ParseNumbers(name, field, 2);
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw BadTensor(name, $"has {field} twice");
                default:
                    _reader.Skip();
                    break;
            }
        }

        if (type is not { } known || shape is null || offsets is not [var begin, var end])
            throw BadTensor(name, "lacks one of dtype, shape and two data_offsets");
        return Check(name, known, shape, begin, end);
    }

    private SafetensorsType ParseType(string name)
    {
        if (_reader.TokenType != JsonTokenType.String) throw BadTensor(name, "has a dtype that is no text");
        var text = _reader.GetString()!;
        return SafetensorsTypes.TryParse(text, out var type) ? type : throw BadTensor(name, $"has the unknown dtype {text.Shown()}");
    }

    private List<long> ParseNumbers(string name, string field, int most)
    {
        if (_reader.TokenType != JsonTokenType.StartArray) throw BadTensor(name, $"has no array of numbers in {field}");
        var numbers = new List<long>(2);
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            if (_reader.TokenType != JsonTokenType.Number || !_reader.TryGetInt64(out var number) || number < 0)
                throw BadTensor(name, $"has something other than whole numbers from 0 to 2^63-1 in {field}");
            if (numbers.Count == most) throw BadTensor(name, $"has more than {most} numbers in {field}");
            numbers.Add(number);
        }

        return numbers;
    }

    private readonly TensorInfo Check(string name, SafetensorsType type, List<long> shape, long begin, long end)
    {
        if (begin > end || end > _dataLength)
            throw BadTensor(name, $"claims bytes {begin} to {end} of a data section of {_dataLength} bytes");
        UInt128 count = 1;
        foreach (var extent in shape)
        {
            count *= (ulong)extent;
            if (count > long.MaxValue) throw BadTensor(name, $"has the shape {shape.Shown()}, which no file can hold");
        }

        var bits = count * (uint)type.BitSize();
        if (bits != (UInt128)(end - begin) * 8)
            throw BadTensor(name, $"of shape {shape.Shown()} and type {type} needs {(bits + 7) / 8} bytes but has {end - begin}");
        return new TensorInfo(name, type, shape, _dataStart + begin, end - begin, _file);
    }

    private readonly void CheckCoverage()
    {
        var position = _dataStart;
        foreach (var tensor in _tensors.Values.OrderBy(tensor => tensor.Offset).ThenBy(tensor => tensor.ByteLength))
        {
            if (tensor.Offset < position) throw BadTensor(tensor.Name, "overlaps the tensor before it");
            if (tensor.Offset > position)
                throw BadTensor(tensor.Name, $"leaves a hole of {tensor.Offset - position} bytes before it");
            position += tensor.ByteLength;
        }

        var rest = _dataStart + _dataLength - position;
        if (rest != 0) throw Bad($"its last {rest} bytes belong to no tensor");
    }

    /// <summary>The next property's name, or null at the object's end.</summary>
    private string? NextProperty() => _reader.Read() && _reader.TokenType == JsonTokenType.PropertyName ? _reader.GetString() : null;

    private readonly HorizonException BadTensor(string tensor, string problem) => Bad($"tensor {tensor.Shown()} {problem}");

    private readonly HorizonException Bad(string problem, Exception? cause = null)
    {
        var message = $"{_file} is not a whole safetensors file: {problem}; copy or download it again";
        return cause is null ? new HorizonException(message) : new HorizonException(message, cause);
    }
}
