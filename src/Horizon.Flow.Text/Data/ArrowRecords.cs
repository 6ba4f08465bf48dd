using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;

namespace Horizon.Flow.Text.Data;

/// <summary>Reads Arrow, the streams that datasets' <c>save_to_disk</c> writes and files with an index, one batch of rows after the other.</summary>
internal static class ArrowRecords
{
    private static readonly byte[] FileMark = "ARROW1"u8.ToArray();

    public static IEnumerable<RawRecord> Read(string file)
    {
        using var stream = DataStream.Open(file);
        using var reader = Guard(file, () => IsIndexed(stream) ? new ArrowFileReader(stream, leaveOpen: true) : new ArrowStreamReader(stream, leaveOpen: true));
        for (var number = 1; Guard(file, reader.ReadNextRecordBatch) is { } batch;)
        {
            using (batch)
            {
                for (var row = 0; row < batch.Length; row++, number++)
                {
                    var at = row;
                    var json = Guard(file, () => JsonRecord.Write(writer =>
                    {
                        for (var column = 0; column < batch.ColumnCount; column++)
                        {
                            writer.WritePropertyName(batch.Schema.GetFieldByIndex(column).Name);
                            Write(writer, batch.Column(column), at);
                        }
                    }));
                    yield return new RawRecord(json, default, $"{file}, record {number}");
                }
            }
        }
    }

    private static bool IsIndexed(Stream stream)
    {
        Span<byte> start = stackalloc byte[FileMark.Length];
        var isIndexed = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && start.SequenceEqual(FileMark);
        stream.Position = 0;
        return isIndexed;
    }

    private static void Write(Utf8JsonWriter writer, IArrowArray column, int row)
    {
        if (column is NullArray || column.IsNull(row))
        {
            writer.WriteNullValue();
            return;
        }

        switch (column)
        {
            case StringArray texts: writer.WriteStringValue(texts.GetString(row)); break;
            case LargeStringArray texts: writer.WriteStringValue(texts.GetString(row)); break;
            case StringViewArray texts: writer.WriteStringValue(texts.GetString(row)); break;
            case BooleanArray truths: writer.WriteBooleanValue(truths.GetValue(row)!.Value); break;
            case Int8Array numbers: writer.WriteNumberValue(numbers.GetValue(row)!.Value); break;
            case Int16Array numbers: writer.WriteNumberValue(numbers.GetValue(row)!.Value); break;
            case Int32Array numbers: writer.WriteNumberValue(numbers.GetValue(row)!.Value); break;
            case Int64Array numbers: writer.WriteNumberValue(numbers.GetValue(row)!.Value); break;
            case UInt8Array numbers: writer.WriteNumberValue(numbers.GetValue(row)!.Value); break;
            case UInt16Array numbers: writer.WriteNumberValue(numbers.GetValue(row)!.Value); break;
            case UInt32Array numbers: writer.WriteNumberValue(numbers.GetValue(row)!.Value); break;
            case UInt64Array numbers: writer.WriteNumberValue(numbers.GetValue(row)!.Value); break;
            case FloatArray numbers: JsonRecord.WriteValue(writer, numbers.GetValue(row)); break;
            case DoubleArray numbers: JsonRecord.WriteValue(writer, numbers.GetValue(row)); break;
            case ListArray lists: WriteItems(writer, lists.Values, lists.ValueOffsets[row], lists.ValueOffsets[row + 1]); break;
            case LargeListArray lists: WriteItems(writer, lists.Values, checked((int)lists.ValueOffsets[row]), checked((int)lists.ValueOffsets[row + 1])); break;
            case StructArray structs:
                var fields = ((StructType)structs.Data.DataType).Fields;
                writer.WriteStartObject();
                for (var i = 0; i < fields.Count; i++)
                {
                    writer.WritePropertyName(fields[i].Name);
                    Write(writer, structs.Fields[i], row);
                }

                writer.WriteEndObject();
                break;
            case DictionaryArray dictionary:
                Write(writer, dictionary.Dictionary, checked((int)IndexAt(dictionary.Indices, row)));
                break;
            default:
                // What cannot hold text or tokens, such as a date, is said to be there and no more.
                writer.WriteStringValue(column.Data.DataType.Name);
                break;
        }
    }

    private static long IndexAt(IArrowArray indices, int row) => indices switch
    {
        Int8Array numbers => numbers.GetValue(row)!.Value,
        Int16Array numbers => numbers.GetValue(row)!.Value,
        Int32Array numbers => numbers.GetValue(row)!.Value,
        Int64Array numbers => numbers.GetValue(row)!.Value,
        UInt8Array numbers => numbers.GetValue(row)!.Value,
        UInt16Array numbers => numbers.GetValue(row)!.Value,
        UInt32Array numbers => numbers.GetValue(row)!.Value,
        UInt64Array numbers => checked((long)numbers.GetValue(row)!.Value),
        _ => throw new InvalidDataException("a dictionary has indices that are no whole numbers"),
    };

    private static void WriteItems(Utf8JsonWriter writer, IArrowArray values, int first, int end)
    {
        writer.WriteStartArray();
        for (var i = first; i < end; i++) Write(writer, values, i);
        writer.WriteEndArray();
    }

    private static T Guard<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        // A damaged length may ask for more than an array can have, which .NET calls out of memory.
        catch (Exception e) when (e is not (HorizonException or OutOfMemoryException) || e.Message.StartsWith("Array dimensions", StringComparison.Ordinal))
        {
            // Whatever the reader stumbles over in a damaged file, in words that mean nothing to who has it.
            throw new HorizonException($"{file} cannot be read as Arrow: {(e is UnauthorizedAccessException ? e.Message : DataStream.Damage)}", e);
        }
    }
}
