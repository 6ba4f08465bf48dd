using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Horizon.Flow.Models.Tests.Reference;

/// <summary>Reads a whole safetensors file of F32 and I64 tensors; for tests, and independent of the library's own reader.</summary>
public sealed class SafetensorsReader
{
    private readonly byte[] _file;
    private readonly Dictionary<string, (string Type, long[] Shape, Range Bytes)> _tensors = [];

    public SafetensorsReader(string path)
    {
        _file = File.ReadAllBytes(path);
        var data = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(_file);
        using var header = JsonDocument.Parse(_file.AsMemory(8, data - 8));
        foreach (var entry in header.RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__"))
        {
            var offsets = entry.Value.GetProperty("data_offsets");
            _tensors[entry.Name] = (
                entry.Value.GetProperty("dtype").GetString()!,
                [.. entry.Value.GetProperty("shape").EnumerateArray().Select(extent => extent.GetInt64())],
                (data + offsets[0].GetInt32())..(data + offsets[1].GetInt32()));
        }
    }

    public IEnumerable<string> Names => _tensors.Keys;

    public long[] Shape(string name) => _tensors[name].Shape;

    public float[] Floats(string name) => Read<float>(name, "F32");

    public long[] Integers(string name) => Read<long>(name, "I64");

    public Dictionary<string, float[]> AllFloats() => Names.ToDictionary(name => name, Floats);

    private T[] Read<T>(string name, string type)
        where T : unmanaged
    {
        Assert.Equal(type, _tensors[name].Type);
        return MemoryMarshal.Cast<byte, T>(_file.AsSpan(_tensors[name].Bytes)).ToArray();
    }
}
