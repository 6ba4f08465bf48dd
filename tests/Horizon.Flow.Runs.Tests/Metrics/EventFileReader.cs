using System.Text;

namespace Horizon.Flow.Runs.Tests.Metrics;

/// <summary>
/// Reads event files as TensorBoard's own reader does, written from the format's description alone: records with checksums bit by bit, messages field by field.
/// </summary>
internal static class EventFileReader
{
    /// <summary>One event.</summary>
    public sealed record Event(double WallTime, long Step, string? Version, int? SessionStatus, IReadOnlyList<(string Tag, float Value)> Scalars);

    public static IReadOnlyList<Event> Read(byte[] file)
    {
        var events = new List<Event>();
        for (var place = 0; place < file.Length;)
        {
            var length = (int)BitConverter.ToUInt64(file, place);
            Assert.Equal(BitConverter.ToUInt32(file, place + 8), Masked(file.AsSpan(place, 8)));
            var data = file.AsSpan(place + 12, length);
            Assert.Equal(BitConverter.ToUInt32(file, place + 12 + length), Masked(data));
            events.Add(Parse(data.ToArray()));
            place += length + 16;
        }

        return events;
    }

    /// <summary>CRC-32C (Castagnoli), bit by bit, then masked.</summary>
    public static uint Masked(ReadOnlySpan<byte> data)
    {
        var crc = 0xffffffffu;
        foreach (var one in data)
        {
            crc ^= one;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78u : crc >> 1;
        }

        crc = ~crc;
        return unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8u);
    }

    private static Event Parse(byte[] message)
    {
        var (time, step, version, status) = (double.NaN, 0L, (string?)null, (int?)null);
        var scalars = new List<(string, float)>();
        foreach (var (field, value) in Fields(message))
        {
            if (field == 1) time = BitConverter.ToDouble(value);
            if (field == 2) step = BitConverter.ToInt64(value);
            if (field == 3) version = Encoding.UTF8.GetString(value);
            if (field == 5) scalars.AddRange(Fields(value).Select(one => Scalar(one.Value)));
            if (field == 7) status = (int)BitConverter.ToInt64(Fields(value).Single(one => one.Field == 1).Value);
        }

        return new(time, step, version, status, scalars);
    }

    private static (string Tag, float Value) Scalar(byte[] message)
    {
        var fields = Fields(message).ToDictionary(one => one.Field, one => one.Value);
        return (Encoding.UTF8.GetString(fields[1]), BitConverter.ToSingle(fields[2]));
    }

    // Varints come as 8 bytes.
    private static IEnumerable<(int Field, byte[] Value)> Fields(byte[] message)
    {
        for (var place = 0; place < message.Length;)
        {
            var tag = Varint(message, ref place);
            byte[] value;
            switch (tag & 7)
            {
                case 0:
                    value = BitConverter.GetBytes(Varint(message, ref place));
                    break;
                case 1:
                    value = message[place..(place += 8)];
                    break;
                case 2:
                    var length = (int)Varint(message, ref place);
                    value = message[place..(place += length)];
                    break;
                case 5:
                    value = message[place..(place += 4)];
                    break;
                default:
                    throw new InvalidDataException($"wire type {tag & 7}");
            }

            yield return ((int)(tag >> 3), value);
        }
    }

    private static ulong Varint(byte[] message, ref int place)
    {
        var number = 0ul;
        for (var shift = 0; ; shift += 7)
        {
            var one = message[place++];
            number |= (ulong)(one & 0x7f) << shift;
            if (one < 0x80) return number;
        }
    }
}
