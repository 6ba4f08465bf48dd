using Parquet;
using Parquet.Serialization;

namespace Horizon.Flow.Text.Data;

/// <summary>Reads Parquet, one group of rows after the other.</summary>
internal static class ParquetRecords
{
    /// <summary>Bytes that a group of rows may say that it has, unpacked: it is held in memory as a whole.</summary>
    private const long LargestGroup = 1L << 31;

    public static IEnumerable<RawRecord> Read(string file)
    {
        var number = 0;
        var groups = Guard(file, () => CountGroupsAsync(file));
        for (var group = 0; group < groups; group++)
        {
            var at = group;
            foreach (var row in Guard(file, () => ReadGroupAsync(file, at)))
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

    private static async Task<int> CountGroupsAsync(string file)
    {
        await using var reader = await ParquetReader.CreateAsync(file).ConfigureAwait(false);
        foreach (var group in reader.Metadata!.RowGroups)
        {
            if (group.TotalByteSize is < 0 or > LargestGroup)
                throw new HorizonException($"{file} has a group of rows of {group.TotalByteSize:N0} bytes, more than {LargestGroup:N0}: write it with smaller groups.");
        }

        return reader.RowGroupCount;
    }

    private static async Task<IReadOnlyList<IDictionary<string, object?>>> ReadGroupAsync(string file, int group)
    {
        await using var stream = File.OpenRead(file);
        var result = await ParquetSerializer.DeserializeUntypedAsync(stream, new ParquetOptions { TreatByteArrayAsString = true }, group).ConfigureAwait(false);
        return [.. result.Data.Select(row => (IDictionary<string, object?>)row!)];
    }

    private static T Guard<T>(string file, Func<Task<T>> read)
    {
        try
        {
            return read().GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is not (HorizonException or OutOfMemoryException))
        {
            // Whatever the reader stumbles over in a damaged file, in words that mean nothing to who has it.
            throw new HorizonException($"{file} cannot be read as Parquet: {(e is UnauthorizedAccessException ? e.Message : DataStream.Damage)}", e);
        }
    }
}
