using Parquet;
using Parquet.Serialization;

namespace Horizon.Flow.Text;

/// <summary>Reads Parquet, one group of rows after the other.</summary>
internal static class ParquetRecords
{
    /// <summary>Bytes that a group of rows may say that it has, unpacked: it is held in memory as a whole.</summary>
    private const long LargestGroup = 1L << 31;

    public static IEnumerable<RawRecord> Read(string file)
    {
        var number = 0;
        for (var group = 0; ReadGroup(file, group) is { } rows; group++)
        {
            foreach (var row in rows)
            {
                number++;
                yield return new RawRecord(JsonRecord.Write(writer =>
                {
                    foreach (var (name, value) in row)
                    {
                        writer.WritePropertyName(name);
                        JsonRecord.WriteValue(writer, value);
                    }
                }), default, $"{file}, record {number}");
            }
        }
    }

    private static IReadOnlyList<IDictionary<string, object?>>? ReadGroup(string file, int group)
    {
        try
        {
            return ReadGroupAsync(file, group).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is not (HorizonException or OutOfMemoryException))
        {
            // Whatever the reader stumbles over in a damaged file.
            throw new HorizonException($"{file} cannot be read as Parquet: {e.Message.Split('\n')[0]}", e);
        }
    }

    private static async Task<IReadOnlyList<IDictionary<string, object?>>?> ReadGroupAsync(string file, int group)
    {
        var options = new ParquetOptions { TreatByteArrayAsString = true };
        await using (var reader = await ParquetReader.CreateAsync(file, options).ConfigureAwait(false))
        {
            if (group >= reader.RowGroupCount) return null;
            var bytes = reader.Metadata!.RowGroups[group].TotalByteSize;
            if (bytes is < 0 or > LargestGroup)
                throw new HorizonException($"{file} has a group of rows of {bytes:N0} bytes, more than {LargestGroup:N0}: write it with smaller groups.");
        }

        await using var stream = File.OpenRead(file);
        var result = await ParquetSerializer.DeserializeUntypedAsync(stream, options, group).ConfigureAwait(false);
        return [.. result.Data.Select(row => (IDictionary<string, object?>)row!)];
    }
}
