using System.Text;
using System.Text.Json;

namespace Horizon.Flow.Host.Tests;

/// <summary>The format written down a second time, as simply as it goes: what the library is compared with.</summary>
public static class NaiveSafetensors
{
    public sealed record Tensor(string Type, long[] Shape, byte[] Bytes)
    {
        public float[] Floats() => Type switch
        {
            "F32" => [.. Bytes.Chunk(4).Select(b => BitConverter.ToSingle(b))],
            "F64" => [.. Bytes.Chunk(8).Select(b => (float)BitConverter.ToDouble(b))],
            "F16" => [.. Bytes.Chunk(2).Select(b => (float)BitConverter.ToHalf(b))],
            "BF16" => [.. Bytes.Chunk(2).Select(b => BitConverter.Int32BitsToSingle(BitConverter.ToUInt16(b) << 16))],
            _ => throw new NotSupportedException(Type),
        };
    }

    public static Dictionary<string, Tensor> Read(string path)
    {
        using var reader = new BinaryReader(File.OpenRead(path));
        var header = reader.ReadBytes((int)reader.ReadInt64());
        var data = reader.ReadBytes((int)(reader.BaseStream.Length - reader.BaseStream.Position));
        using var json = JsonDocument.Parse(header);
        return json.RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__").ToDictionary(
            entry => entry.Name,
            entry =>
            {
                var begin = entry.Value.GetProperty("data_offsets")[0].GetInt32();
                var end = entry.Value.GetProperty("data_offsets")[1].GetInt32();
                long[] shape = [.. entry.Value.GetProperty("shape").EnumerateArray().Select(extent => extent.GetInt64())];
                return new Tensor(entry.Value.GetProperty("dtype").GetString()!, shape, data[begin..end]);
            });
    }

    public static byte[] Build(string header, int dataLength) => Build(Encoding.UTF8.GetBytes(header), new byte[dataLength]);

    public static byte[] Build(byte[] header, byte[] data) => [.. BitConverter.GetBytes((long)header.Length), .. header, .. data];

    public static byte[] Build(params (string Name, Tensor Tensor)[] tensors)
    {
        var header = new Dictionary<string, object>();
        var data = new List<byte>();
        foreach (var (name, tensor) in tensors)
        {
            header[name] = new { dtype = tensor.Type, shape = tensor.Shape, data_offsets = new[] { data.Count, data.Count + tensor.Bytes.Length } };
            data.AddRange(tensor.Bytes);
        }

        return Build(JsonSerializer.SerializeToUtf8Bytes(header), [.. data]);
    }

    public static Tensor Floats(string type, params float[] values) => new(type, [values.Length], type switch
    {
        "F32" => [.. values.SelectMany(BitConverter.GetBytes)],
        "F64" => [.. values.SelectMany(value => BitConverter.GetBytes((double)value))],
        "F16" => [.. values.SelectMany(value => BitConverter.GetBytes((Half)value))],
        "BF16" => [.. values.SelectMany(value => BitConverter.GetBytes((ushort)(BitConverter.SingleToInt32Bits(value) >> 16)))],
        _ => throw new NotSupportedException(type),
    });
}
