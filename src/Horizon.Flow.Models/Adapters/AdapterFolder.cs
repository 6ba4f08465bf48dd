using System.Text.Encodings.Web;
using System.Text.Json;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Adapters;

/// <summary>
/// A folder of PEFT's: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>. Its files are untrusted; a setting that changes what the adapters compute
/// and is not known here is refused by name.
/// </summary>
public sealed class AdapterFolder
{
    /// <summary>The file that says what the adapters are.</summary>
    public const string ConfigFile = "adapter_config.json";

    /// <summary>How the names of the weights' file begin.</summary>
    public const string WeightStem = "adapter_model";

    private const string WeightFile = WeightStem + ".safetensors";
    private const string TensorPrefix = "base_model.model.";
    private const string TensorA = ".lora_A.weight";

    // What shapes how they were drawn or trained, or says nothing about what they compute.
    private static readonly HashSet<string> Harmless =
    [
        "task_type", "revision", "inference_mode", "lora_dropout", "init_lora_weights", "auto_mapping", "peft_version", "eva_config", "corda_config", "loftq_config", "megatron_core",
        "layers_pattern", "runtime_config", "ensure_weight_tying", "base_model_class", "parent_library", "qalora_group_size",
    ];

    // Ways to draw adapters that leave the base as it is; others take from it what they put into the adapters.
    private static readonly HashSet<string> KeepingTheBase = ["gaussian", "orthogonal", "eva"];

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private AdapterFolder(string path, AdapterConfig adapter, string? baseModel) => (Path, Adapter, BaseModel) = (path, adapter, baseModel);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The adapters.</summary>
    public AdapterConfig Adapter { get; }

    /// <summary>The model that they were made for, a folder or a name on the Hub; null where the file does not say.</summary>
    public string? BaseModel { get; }

    /// <summary>Whether a folder holds adapters.</summary>
    public static bool IsThere(string path) => UntrustedFile.IsThere(System.IO.Path.Combine(path, ConfigFile));

    /// <summary>Reads the settings.</summary>
    /// <param name="path">The folder.</param>
    /// <exception cref="HorizonException">They are missing, absurd, or of adapters of another kind.</exception>
    public static AdapterFolder Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!IsThere(path)) throw new HorizonException($"{path} holds no {ConfigFile}; name a folder that PEFT or a run with training.adapter wrote");
        var json = ConfigJson.ReadFile(System.IO.Path.Combine(path, ConfigFile));
        if (json.Text("peft_type") is var type && type != "LORA") throw json.Refuse("peft_type", $"is {type ?? "missing"}; LORA is the one kind of adapters that is known");
        if (json.Text("bias") is { } bias and not "none") throw json.Refuse("bias", $"is {bias}; trained biases are not supported");
        foreach (var key in (string[])["use_dora", "lora_bias"])
            if (json.Flag(key, false)) throw json.Refuse(key, "is not supported where true");
        json.Flag("fan_in_fan_out", false); // follows from the model
        if (json.IsText("init_lora_weights") && json.Text("init_lora_weights") is { } drawn && !KeepingTheBase.Contains(drawn))
            throw json.Refuse("init_lora_weights", $"is {drawn}, which changes the base model as well; convert the adapters to plain ones first");
        var rank = json.Integer("r", 1, 1 << 16);
        var adapter = new AdapterConfig(rank, json.Number("lora_alpha", 0, 1e9), Targets(path, json)) { IsRankStabilized = json.Flag("use_rslora", false) };
        var folder = new AdapterFolder(path, adapter, json.Text("base_model_name_or_path"));
        Refuse(json);
        return folder;
    }

    /// <summary>The file of the weights.</summary>
    /// <exception cref="HorizonException">It is missing or damaged.</exception>
    public WeightFiles OpenWeights() => WeightFiles.OpenFile(Path, WeightFile);

    /// <summary>An <c>adapter_config.json</c>.</summary>
    /// <param name="config">A model with adapters.</param>
    /// <param name="baseModel">Its folder without them, or its name on the Hub.</param>
    public static byte[] Describe(ModelConfig config, string baseModel)
    {
        ArgumentNullException.ThrowIfNull(config);
        var adapter = config.Adapter ?? throw new ArgumentException("the model has no adapters", nameof(config));
        return
        [
            .. JsonSerializer.SerializeToUtf8Bytes(
                new Dictionary<string, object?>
                {
                    ["peft_type"] = "LORA",
                    ["task_type"] = "CAUSAL_LM",
                    ["base_model_name_or_path"] = baseModel,
                    ["r"] = adapter.Rank,
                    ["lora_alpha"] = adapter.Alpha == Math.Truncate(adapter.Alpha) ? (long)adapter.Alpha : adapter.Alpha,
                    ["use_rslora"] = adapter.IsRankStabilized,
                    ["lora_dropout"] = 0.0,
                    ["target_modules"] = adapter.Targets.Contains(AdapterConfig.AllLinear) ? Modules(config) : adapter.Targets,
                    ["bias"] = "none",
                    ["fan_in_fan_out"] = config is DenseConfig { TransposedMatrices: true },
                    ["init_lora_weights"] = true,
                    ["inference_mode"] = true,
                },
                Indented),
            (byte)'\n',
        ];
    }

    // By name: not every reader knows all-linear, and not every one means the same by it.
    private static IReadOnlyList<string> Modules(ModelConfig config) =>
        [.. ModelFamilies.Define(config).Units.SelectMany(unit => unit.Parameters).Where(AdapterLayout.IsA).Select(slot => slot.TensorName[..^TensorA.Length].Split('.')[^1]).Distinct()];

    // A pattern, or what picks among layers, is PEFT's to understand: the tensors tell the same.
    private static IReadOnlyList<string> Targets(string path, ConfigJson json)
    {
        string[] choosing = ["exclude_modules", "layers_to_transform"];
        if (json.IsList("target_modules") && !choosing.Any(json.Has)) return json.Texts("target_modules")!;
        foreach (var key in choosing) json.Has(key);
        if (!json.IsList("target_modules") && json.Text("target_modules") == AdapterConfig.AllLinear && !choosing.Any(json.Has)) return [AdapterConfig.AllLinear];
        using var weights = WeightFiles.OpenFile(path, WeightFile);
        return [.. weights.TensorNames.Where(name => name.StartsWith(TensorPrefix, StringComparison.Ordinal) && name.EndsWith(TensorA, StringComparison.Ordinal))
            .Select(name => name[TensorPrefix.Length..^TensorA.Length]).Order(StringComparer.Ordinal)];
    }

    private static void Refuse(ConfigJson json)
    {
        var unknown = json.Keys.FirstOrDefault(key => json.Unread.Contains(key) && !Harmless.Contains(key) && !json.IsEmpty(key));
        if (unknown is not null) throw json.Refuse(unknown, "is not understood, and may change what the adapters compute; remove what has no effect");
    }
}
