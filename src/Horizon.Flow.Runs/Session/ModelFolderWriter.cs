using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Models.Adapters;

namespace Horizon.Flow.Runs.Session;

/// <summary>Writes a model as a Hugging Face folder that other tools load, or its adapters as PEFT does.</summary>
internal sealed class ModelFolderWriter
{
    private const string ConfigFile = "config.json";

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly string _source;
    private readonly string _json;
    private readonly ModelConfig _config;
    private readonly IReadOnlyList<string> _companions;

    private ModelFolderWriter(string source, string json, ModelConfig config, IReadOnlyList<string> companions) =>
        (_source, _json, _config, _companions) = (source, json, config, companions);

    /// <summary>Looks, before training, at what will be copied after it: what is wrong with it must not cost a run.</summary>
    /// <param name="source">The folder that the model comes from.</param>
    /// <param name="config">The model; where it has adapters, these alone are written.</param>
    /// <exception cref="HorizonException">A file in it cannot be copied.</exception>
    public static ModelFolderWriter Open(string source, ModelConfig config) =>
        new(source, UntrustedFile.ReadText(Path.Combine(source, ConfigFile), ConfigJson.MaximumBytes, "a config.json"), config, CompanionFiles.Find(source));

    /// <summary>Weights and what describes them, all at once; then what lies beside them.</summary>
    /// <param name="target">Made where needed.</param>
    /// <param name="store">The weights, at one step.</param>
    /// <exception cref="HorizonException">The folder cannot be written, or the disk is full.</exception>
    public Task WriteAsync(string target, ParameterStore store) => _config.Adapter is null
        ? WriteAsync(target, store, store.WeightType, new ModelExportOptions().MaxShardBytes)
        : WriteAsync(target, store.Units, new()
        {
            // Their masters: what goes on from them begins where they ended.
            ElementType = ElementType.Float32,
            MaxShardBytes = long.MaxValue,
            Stem = AdapterFolder.WeightStem,
            Wanted = AdapterLayout.IsAdapter,
            Description = new Dictionary<string, ReadOnlyMemory<byte>> { [AdapterFolder.ConfigFile] = AdapterFolder.Describe(_config, Path.GetFullPath(_source)) },
        });

    /// <summary>The whole model, in a type and in files of a size.</summary>
    /// <param name="target">Made where needed.</param>
    /// <param name="store">The weights, adapters merged into them.</param>
    /// <param name="type">Float32 or BFloat16.</param>
    /// <param name="shardBytes">Bytes of tensors that one file may hold.</param>
    /// <exception cref="HorizonException">The folder cannot be written, or the disk is full.</exception>
    public Task WriteAsync(string target, ParameterStore store, ElementType type, long shardBytes) => WriteAsync(target, store.Units, new()
    {
        ElementType = type,
        MaxShardBytes = shardBytes,
        Wanted = slot => !AdapterLayout.IsAdapter(slot),
        Description = new Dictionary<string, ReadOnlyMemory<byte>> { [ConfigFile] = Encoding.UTF8.GetBytes(Describe(_json, type)) },
    });

    private async Task WriteAsync(string target, IReadOnlyList<UnitState> units, ModelExportOptions options)
    {
        OutputFile.RefuseLink(target);
        await ModelExporter.ExportAsync(target, units, options).ConfigureAwait(false);
        await CompanionFiles.CopyAsync(_source, target, _companions).ConfigureAwait(false);
        try
        {
            // Of a whole model that lay there before: its weights are gone.
            if (!options.Description.ContainsKey(ConfigFile)) File.Delete(Path.Combine(target, ConfigFile));
            FolderFlush.ToDisk(target);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"cannot write {target}: {error.Message.TrimEnd('.')}; free space there or choose another output.directory", error);
        }
    }

    private static string Describe(string json, ElementType elements)
    {
        var config = (JsonObject)JsonNode.Parse(json, documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true })!;
        var type = elements == ElementType.Float32 ? "float32" : "bfloat16";
        // Newer writers name it dtype; older readers know torch_dtype alone.
        if (config.ContainsKey("dtype")) config["dtype"] = type;
        config["torch_dtype"] = type;
        // What was read from 4-bit blocks is written in the store's type.
        config.Remove("quantization_config");
        return config.ToJsonString(Indented) + "\n";
    }
}
