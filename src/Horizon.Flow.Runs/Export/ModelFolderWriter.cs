using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Horizon.Flow.Alignment.Rewards;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Runs.Export;

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

    private readonly IReadOnlyDictionary<string, byte[]?>? _changed;
    private readonly Action<JsonObject>? _describe;

    private ModelFolderWriter(string source, ModelConfig config, IReadOnlyDictionary<string, byte[]?>? changed = null, Action<JsonObject>? describe = null)
    {
        (_source, _config, _changed, _describe) = (source, config, changed, describe);
        _json = UntrustedFile.ReadText(Path.Combine(source, ConfigFile), ConfigJson.MaximumBytes, "a config.json");
        _companions = CompanionFiles.Find(source);
    }

    /// <summary>Looks, before training, at what will be copied after it: what is wrong with it must not cost a run.</summary>
    /// <param name="blueprint">The run, whose model comes from a folder; where it has adapters, these alone are written.</param>
    /// <exception cref="HorizonException">A file in it cannot be copied.</exception>
    public static ModelFolderWriter Open(RunBlueprint blueprint)
    {
        var source = blueprint.Configuration.Model.Path!;
        var changes = RunTokenizer.Changes(blueprint.Configuration);
        var changed = changes.IsEmpty ? null : TokenizerFiles.Changed(source, RunTokenizer.Load(blueprint.Configuration), changes);
        return new(source, blueprint.ModelConfig, changed, blueprint.Kind.IsReward ? RewardFolder.Describe : null);
    }

    /// <summary>The same of a model that no run changes.</summary>
    /// <param name="source">The folder that the model comes from.</param>
    /// <param name="config">The model.</param>
    /// <exception cref="HorizonException">A file in it cannot be copied.</exception>
    public static ModelFolderWriter Open(string source, ModelConfig config) => new(source, config);

    /// <summary>Weights and what describes them, all at once; then what lies beside them.</summary>
    /// <param name="target">Made where needed.</param>
    /// <param name="store">The weights, at one step.</param>
    /// <exception cref="HorizonException">The folder cannot be written, or the disk is full.</exception>
    /// <param name="plan">The run's.</param>
    /// <param name="ranks">The ranks that share the run, each of which calls this, and rank 0 writes; null where there is one.</param>
    public Task WriteAsync(string target, ParameterStore store, TrainingPlan plan, ICollectives? ranks)
    {
        var options = _config.Adapter is null ? Whole(store.WeightType, new ModelExportOptions().MaxShardBytes) : new ModelExportOptions
        {
            // Their masters: what goes on from them begins where they ended.
            ElementType = ElementType.Float32,
            MaxShardBytes = long.MaxValue,
            Stem = AdapterFolder.WeightStem,
            Wanted = AdapterLayout.IsAdapter,
            Description = new Dictionary<string, ReadOnlyMemory<byte>> { [AdapterFolder.ConfigFile] = AdapterFolder.Describe(_config, Path.GetFullPath(_source)) },
        };
        return ranks is null ? WriteAsync(target, store.Units, options)
            : RankExport.RunAsync(
                plan, store, ranks, tensors => WriteAsync(target, given => ModelExporter.ExportAsync(target, tensors, given), options), options.Wanted, masters: _config.Adapter is not null);
    }

    /// <summary>The whole model, in a type and in files of a size.</summary>
    /// <param name="target">Made where needed.</param>
    /// <param name="store">The weights, adapters merged into them.</param>
    /// <param name="type">Float32 or BFloat16.</param>
    /// <param name="shardBytes">Bytes of tensors that one file may hold.</param>
    /// <exception cref="HorizonException">The folder cannot be written, or the disk is full.</exception>
    public Task WriteAsync(string target, ParameterStore store, ElementType type, long shardBytes) => WriteAsync(target, store.Units, Whole(type, shardBytes));

    private ModelExportOptions Whole(ElementType type, long shardBytes) => new()
    {
        ElementType = type,
        MaxShardBytes = shardBytes,
        Wanted = slot => !AdapterLayout.IsAdapter(slot),
        Description = new Dictionary<string, ReadOnlyMemory<byte>> { [ConfigFile] = Encoding.UTF8.GetBytes(Describe(type)) },
    };

    private Task WriteAsync(string target, IReadOnlyList<UnitState> units, ModelExportOptions options) =>
        WriteAsync(target, given => ModelExporter.ExportAsync(target, units, given), options);

    private async Task WriteAsync(string target, Func<ModelExportOptions, Task> export, ModelExportOptions options)
    {
        OutputFile.RefuseLink(target);
        await export(options).ConfigureAwait(false);
        await CompanionFiles.CopyAsync(_source, target, _companions, _changed).ConfigureAwait(false);
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

    private string Describe(ElementType elements)
    {
        var config = (JsonObject)JsonNode.Parse(_json, documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true })!;
        var type = elements == ElementType.Float32 ? "float32" : "bfloat16";
        // Newer writers name it dtype; older readers know torch_dtype alone.
        if (config.ContainsKey("dtype")) config["dtype"] = type;
        config["torch_dtype"] = type;
        // Of a model for text and more it stands one level below.
        foreach (var part in (JsonObject?[])[config, config["text_config"] as JsonObject])
            if (part?["vocab_size"] is JsonValue size && size.TryGetValue<int>(out var before) && before < _config.VocabularySize) part["vocab_size"] = _config.VocabularySize;
        // What was read from 4-bit blocks is written in the store's type.
        config.Remove("quantization_config");
        _describe?.Invoke(config);
        return config.ToJsonString(Indented) + "\n";
    }
}
