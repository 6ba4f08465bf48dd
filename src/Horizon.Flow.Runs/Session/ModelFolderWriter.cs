using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Horizon.Flow.Alignment.Rewards;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Runs.Session;

/// <summary>Writes a trained model as a Hugging Face folder that other tools load.</summary>
internal sealed class ModelFolderWriter
{
    private const string ConfigFile = "config.json";

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly string _source;
    private readonly string _config;
    private readonly IReadOnlyList<string> _companions;

    private readonly int _vocabularySize;
    private readonly IReadOnlyDictionary<string, byte[]?>? _changed;
    private readonly Action<JsonObject>? _describe;

    private ModelFolderWriter(
        string source, string config, IReadOnlyList<string> companions, int vocabularySize, IReadOnlyDictionary<string, byte[]?>? changed, Action<JsonObject>? describe) =>
        (_source, _config, _companions, _vocabularySize, _changed, _describe) = (source, config, companions, vocabularySize, changed, describe);

    /// <summary>Looks, before training, at what will be copied after it: what is wrong with it must not cost a run.</summary>
    /// <param name="blueprint">The run, whose model comes from a folder.</param>
    /// <exception cref="HorizonException">A file in it cannot be copied.</exception>
    public static ModelFolderWriter Open(RunBlueprint blueprint)
    {
        var source = blueprint.Configuration.Model.Path!;
        var config = UntrustedFile.ReadText(Path.Combine(source, ConfigFile), ConfigJson.MaximumBytes, "a config.json");
        var changes = RunTokenizer.Changes(blueprint.Configuration);
        var changed = changes.IsEmpty ? null : TokenizerFiles.Changed(source, RunTokenizer.Load(blueprint.Configuration), changes);
        return new(source, config, CompanionFiles.Find(source), blueprint.ModelConfig.VocabularySize, changed, blueprint.Kind.IsReward ? RewardFolder.Describe : null);
    }

    /// <summary>Weights and config.json, all at once; then what lies beside them.</summary>
    /// <param name="target">Made where needed.</param>
    /// <param name="store">The weights, at one step.</param>
    /// <exception cref="HorizonException">The folder cannot be written, or the disk is full.</exception>
    /// <param name="blueprint">The run; on several ranks each calls this, and rank 0 writes.</param>
    public Task WriteAsync(string target, ParameterStore store, RunBlueprint blueprint) => blueprint.Ranks is { } ranks
        ? RankExport.RunAsync(blueprint.Model, store, ranks, tensors => WriteAsync(target, store.Precision, options => ModelExporter.ExportAsync(target, tensors, options)))
        : WriteAsync(target, store.Precision, options => ModelExporter.ExportAsync(target, store.Units, options));

    private async Task WriteAsync(string target, StorePrecision precision, Func<ModelExportOptions, Task> export)
    {
        OutputFile.RefuseLink(target);
        var config = Encoding.UTF8.GetBytes(Describe(precision));
        await export(new() { Description = new Dictionary<string, ReadOnlyMemory<byte>> { [ConfigFile] = config } }).ConfigureAwait(false);
        await CompanionFiles.CopyAsync(_source, target, _companions, _changed).ConfigureAwait(false);
        try
        {
            FolderFlush.ToDisk(target);
        }
        catch (IOException error)
        {
            throw new HorizonException($"cannot write {target}: {error.Message.TrimEnd('.')}; free space there or choose another output.directory", error);
        }
    }

    private string Describe(StorePrecision precision)
    {
        var config = (JsonObject)JsonNode.Parse(_config, documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true })!;
        var type = precision == StorePrecision.Fp32 ? "float32" : "bfloat16";
        // Newer writers name it dtype; older readers know torch_dtype alone.
        if (config.ContainsKey("dtype")) config["dtype"] = type;
        config["torch_dtype"] = type;
        // Of a model for text and more it stands one level below.
        foreach (var part in (JsonObject?[])[config, config["text_config"] as JsonObject])
            if (part?["vocab_size"] is JsonValue size && size.TryGetValue<int>(out var before) && before < _vocabularySize) part["vocab_size"] = _vocabularySize;
        // What was read from 4-bit blocks is written in the store's type.
        config.Remove("quantization_config");
        _describe?.Invoke(config);
        return config.ToJsonString(Indented) + "\n";
    }
}
