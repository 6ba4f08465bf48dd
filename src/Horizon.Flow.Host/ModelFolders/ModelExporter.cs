using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.ModelFolders;

/// <summary>
/// Writes a store's weights as Hugging Face does: one <c>model.safetensors</c>, or <c>model-00001-of-0000N.safetensors</c> with an index.
/// </summary>
public static partial class ModelExporter
{
    private static readonly Dictionary<string, string> Metadata = new() { ["format"] = "pt" };

    /// <summary>
    /// Writes the weights. All files are complete on disk, under other names, before the first takes its place: what goes wrong
    /// earlier leaves the older files as they were.
    /// </summary>
    /// <param name="directory">The folder; created where needed.</param>
    /// <param name="units">The store; it must not change meanwhile.</param>
    /// <param name="options">Element type and shard size; null for the defaults.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>The names of the files written.</returns>
    /// <exception cref="HorizonException">The folder cannot be written, or the disk is full.</exception>
    public static async Task<IReadOnlyList<string>> ExportAsync(
        string directory,
        IReadOnlyList<UnitState> units,
        ModelExportOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(units);
        return await ExportAsync(
            directory, TensorPart.Whole(units.SelectMany(unit => unit.Layout.Parameters.Where(slot => options?.Wanted?.Invoke(slot) != false).Select(slot => (slot, TensorPart.FromSlot(unit, slot, options?.ElementType))))), options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The same from tensors that somebody else supplies, in the model's order: of a store that does not lie in this process alone.</summary>
    /// <param name="directory">The folder; created where needed.</param>
    /// <param name="tensors">In the model's order.</param>
    /// <param name="options">Shard size and what is written beside; the element type is the tensors'.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>The names of the files written.</returns>
    /// <exception cref="HorizonException">The folder cannot be written, or the disk is full.</exception>
    public static async Task<IReadOnlyList<string>> ExportAsync(
        string directory,
        IReadOnlyList<TensorPart> tensors,
        ModelExportOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        ArgumentNullException.ThrowIfNull(tensors);
        options ??= new ModelExportOptions();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MaxShardBytes, nameof(options));

        CreateFolder(directory);
        var shards = Cut(tensors, options);
        var files = new List<(string Name, PartialFile File)>();
        try
        {
            // First, so that weights never lie there without them.
            foreach (var (name, bytes) in options.Description)
                files.Add((name, await PartialFile.WriteAsync(Path.Combine(directory, name), bytes, cancellationToken).ConfigureAwait(false)));

            foreach (var (name, parts) in shards)
            {
                var length = SafetensorsWriter.FileLength(parts, Metadata);
                files.Add((name, await PartialFile.WriteAsync(
                    Path.Combine(directory, name),
                    length,
                    writer => SafetensorsWriter.WriteAsync(writer, parts, Metadata, cancellationToken)).ConfigureAwait(false)));
            }

            if (shards.Count > 1)
                files.Add(($"{options.Stem}.safetensors.index.json", await PartialFile.WriteAsync(Path.Combine(directory, $"{options.Stem}.safetensors.index.json"), Index(shards), cancellationToken).ConfigureAwait(false)));

            // From here on no token is asked: a half-renamed set would be no model.
            foreach (var (_, file) in files) file.Commit();
            Flush(directory);
        }
        finally
        {
            foreach (var (_, file) in files) await file.DisposeAsync().ConfigureAwait(false);
        }

        string[] names = [.. files.Select(file => file.Name)];
        DeleteOlder(directory, names);
        return names;
    }

    private static void CreateFolder(string directory)
    {
        try
        {
            Directory.CreateDirectory(directory);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw PartialFile.Unwritable(directory, error);
        }
    }

    private static void Flush(string directory)
    {
        try
        {
            FolderFlush.ToDisk(directory);
        }
        catch (IOException error)
        {
            throw PartialFile.Unwritable(directory, error);
        }
    }

    /// <summary>Fills shards in the model's order, each as full as it gets.</summary>
    private static List<(string Name, IReadOnlyList<TensorPart> Parts)> Cut(IReadOnlyList<TensorPart> tensors, ModelExportOptions options)
    {
        var shards = new List<List<TensorPart>> { new() };
        var bytes = 0L;
        foreach (var part in tensors)
        {
            if (shards[^1].Count > 0 && bytes + part.ByteLength > options.MaxShardBytes)
            {
                shards.Add([]);
                bytes = 0;
            }

            shards[^1].Add(part);
            bytes += part.ByteLength;
        }

        string Name(int shard) => shards.Count == 1 ? $"{options.Stem}.safetensors" : $"{options.Stem}-{shard + 1:D5}-of-{shards.Count:D5}.safetensors";
        return [.. shards.Select((parts, shard) => (Name(shard), SafetensorsWriter.InStandardOrder(parts)))];
    }

    private static byte[] Index(List<(string Name, IReadOnlyList<TensorPart> Parts)> shards)
    {
        var json = new ArrayBufferWriter<byte>();
        var jsonOptions = new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var writer = new Utf8JsonWriter(json, jsonOptions))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("metadata");
            writer.WriteNumber("total_size", shards.Sum(shard => shard.Parts.Sum(part => part.ByteLength)));
            writer.WriteEndObject();
            writer.WriteStartObject("weight_map");
            var places = shards.SelectMany(shard => shard.Parts.Select(part => (Tensor: part.Name, File: shard.Name)));
            foreach (var (tensor, file) in places.OrderBy(place => place.Tensor, StringComparer.Ordinal)) writer.WriteString(tensor, file);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        return [.. json.WrittenSpan, (byte)'\n'];
    }

    /// <summary>Removes what earlier exports left, which would otherwise be read instead of, or beside, the new files.</summary>
    private static void DeleteOlder(string directory, IReadOnlyCollection<string> current)
    {
        try
        {
            foreach (var file in Directory.GetFiles(directory))
                if (ExportedFile().IsMatch(Path.GetFileName(file)) && !current.Contains(Path.GetFileName(file))) File.Delete(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"cannot delete the older weights in {directory}: {error.Reason()}; delete them by hand", error);
        }
    }

    [GeneratedRegex(@"^(adapter_)?model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?(\.partial)?$|^adapter_config\.json$", RegexOptions.CultureInvariant)]
    private static partial Regex ExportedFile();
}
