using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Horizon.Flow.Text.Data;

/// <summary>Writes records of other kinds of files as the JSON that all records are read from.</summary>
internal static class JsonRecord
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A record in UTF-8.</summary>
    public static byte[] Write(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>A value of .NET: numbers, strings, dates, lists and maps of them.</summary>
    public static void WriteValue(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null: writer.WriteNullValue(); break;
            case string text: writer.WriteStringValue(text); break;
            case bool truth: writer.WriteBooleanValue(truth); break;
            case float or double when !double.IsFinite(Convert.ToDouble(value, null)): writer.WriteNullValue(); break;
            case float single: writer.WriteNumberValue(single); break;
            case double real: writer.WriteNumberValue(real); break;
            case decimal number: writer.WriteNumberValue(number); break;
            case ulong large: writer.WriteNumberValue(large); break;
            case sbyte or byte or short or ushort or int or uint or long: writer.WriteNumberValue(Convert.ToInt64(value, null)); break;
            case byte[] bytes: writer.WriteBase64StringValue(bytes); break;
            case System.Collections.IDictionary map:
                writer.WriteStartObject();
                foreach (System.Collections.DictionaryEntry entry in map)
                {
                    writer.WritePropertyName(entry.Key.ToString()!);
                    WriteValue(writer, entry.Value);
                }

                writer.WriteEndObject();
                break;
            case System.Collections.IEnumerable list:
                writer.WriteStartArray();
                foreach (var item in list) WriteValue(writer, item);
                writer.WriteEndArray();
                break;
            default: writer.WriteStringValue(Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture)); break;
        }
    }
}
