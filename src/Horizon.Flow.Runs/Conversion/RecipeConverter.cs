using System.Globalization;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Validation;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Runs.Conversion;

/// <summary>
/// Turns a recipe of LLaMA-Factory or axolotl into a configuration: what has a counterpart is carried over, where the other tool's default is another one it is written
/// out, and everything else is named.
/// </summary>
public sealed class RecipeConverter
{
    private const string LlamaFactory = "LLaMA-Factory";
    private const string Axolotl = "axolotl";
    private const string Objective = "training.objective";
    private const string Adapter = "training.adapter";

    private readonly Dictionary<string, YamlEntry> _keys;
    private readonly RecipeDraft _draft = new();
    private readonly string _tool;
    private readonly string _folder;

    private RecipeConverter(Dictionary<string, YamlEntry> keys, string tool, string folder) => (_keys, _tool, _folder) = (keys, tool, folder);

    private bool IsAxolotl => _tool == Axolotl;

    /// <summary>Converts a file.</summary>
    /// <param name="path">The recipe.</param>
    /// <exception cref="HorizonException">It cannot be read, or is a recipe of neither tool.</exception>
    public static ConvertedRecipe ConvertFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Convert(ConfigurationLoader.ReadFile(path), path, Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Converts a text.</summary>
    /// <param name="yaml">The recipe.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="folder">Where it lies: LLaMA-Factory's table of data sets is looked for below it.</param>
    /// <exception cref="HorizonException">It is no YAML, or a recipe of neither tool.</exception>
    public static ConvertedRecipe Convert(string yaml, string name, string folder)
    {
        if (YamlReader.Read(yaml, name, folder) is not YamlMap { Entries: var keys }) throw Neither(name);
        var tool = keys.ContainsKey("base_model") ? Axolotl : keys.ContainsKey("model_name_or_path") ? LlamaFactory : throw Neither(name);
        var converter = new RecipeConverter(keys, tool, folder);
        converter.Run();
        var draft = converter._draft;
        return new ConvertedRecipe(tool, draft.ToYaml(), draft.Changed, draft.Missing, draft.NotNeeded, draft.Unknown);
    }

    private static HorizonException Neither(string name) =>
        new($"{name} is no recipe of LLaMA-Factory, which has model_name_or_path, nor of axolotl, which has base_model");

    private void Run()
    {
        var objective = new RecipeObjective(_draft, Text);
        objective.Convert();
        foreach (var (key, entry) in _keys)
        {
            if (entry.Value is YamlScalar { IsNull: true } || IsSwitchedOff(key, entry.Value)) continue;
            var foreign = ForeignKeys.Find(key);
            if (foreign is null) _draft.Unknown.Add(Quoting.OneLine(key));
            else if (foreign.Kind == ForeignKeyKind.NotNeeded) _draft.NotNeeded.Add(key);
            else if (foreign.Kind == ForeignKeyKind.Missing) _draft.Missing.Add($"{key}: {foreign.Says}.");
            else Carry(key, foreign.Target!, entry.Value);
        }

        var targets = _keys.FirstOrDefault(key => key.Key is "lora_target" or "lora_target_modules").Value?.Value;
        new RecipeAdapter(_draft, Text).Convert(IsAxolotl, targets is null ? [] : Texts(targets));
        foreach (var section in (string[])[Objective, Adapter])
            if (!_draft.Has(section)) _draft.NotNeeded.AddRange(_keys.Keys.Where(key => ForeignKeys.Find(key) is { Target: { } target } && IsOf(section, target)));
        Defaults();
        if (objective.IsLearned) Compared();
    }

    /// <summary>A key that asks for nothing, as load_in_8bit: false does: it is only said where it is not known.</summary>
    private static bool IsSwitchedOff(string key, YamlNode value) =>
        value is YamlScalar { Text: "false" or "False" } && ForeignKeys.Find(key) is { Kind: ForeignKeyKind.Missing };

    private void Carry(string key, string target, YamlNode value)
    {
        if (IsOf(Objective, target) || IsOf(Adapter, target)) return; // these go together, each in a class of its own
        switch (target)
        {
            case "model.path": Model(key, value); break;
            case "model.init": if (IsTrue(value)) _draft.Set(target, "random"); break;
            case "model.additional_special_tokens": _draft.Set(target, Texts(value)); break;
            case "data.path": new RecipeData(_draft, _folder, Text("dataset_dir") ?? "data").Convert(key, value, Texts(value)); break;
            case "data.chat_template": Template(key, Text(key)!); break;
            case "data.train_on": if (IsTrue(value)) _draft.Set(target, "last"); break;
            case "data.shuffle": _draft.Set(target, IsTrue(value) == (key == "disable_shuffling") ? "false" : "true"); break;
            case "data.too_long": _draft.Set(target, Text(key) == "drop" ? "drop" : "cut"); break;
            case "training.epochs": Epochs(key, Text(key)!); break;
            case "training.max_steps": if (Number(key) is > 0 and var steps) _draft.Set(target, Whole(steps)); break;
            case "training.precision": Precision(key, value); break;
            case "optimizer.name": Optimizer(key, value); break;
            case "optimizer.betas": Betas(); break;
            case "schedule.name": Schedule(Text(key)!); break;
            case "schedule.warmup_steps": Warmup(Number(key) ?? 0); break;
            case "schedule.warmup_ratio": if (!_keys.TryGetValue("warmup_steps", out var both) || both.Value is YamlScalar { IsNull: true }) _draft.Set(target, Text(key)!); break;
            case "schedule.min_learning_rate": MinimumRate(key, Number(key) ?? 0); break;
            case "evaluation.path": HeldOut(key, value); break;
            case "evaluation.fraction": Fraction(key, Number(key) ?? 0); break;
            case "evaluation.every_steps" or "checkpoint.every_steps" or "logging.every_steps": Steps(key, target, Number(key) ?? 0); break;
            default: _draft.Set(target, value is YamlScalar scalar ? scalar.Text : Texts(value)); break;
        }
    }

    private void Model(string key, YamlNode value)
    {
        var path = Text(key)!;
        _draft.Set("model.path", path);
        if (value is YamlScalar && !Directory.Exists(Path.Combine(_folder, path)) && !path.StartsWith('.') && !Path.IsPathRooted(path))
            _draft.Changed.Add($"model.path is a folder here: fetch {Quoting.OneLine(path)}, with 'hf download' for instance, and name its folder.");
    }

    private void Template(string key, string name)
    {
        if (name is "tokenizer_default" or "default" or "jinja") return;
        var known = name switch { "phi_3" or "phi_35" or "phi" => "phi3", "gemma2" => "gemma", _ => name };
        if (KnownTemplates.Names.Contains(known)) _draft.Set("data.chat_template", known);
        else _draft.Changed.Add($"{key}: {Quoting.OneLine(name)}: the model folder's own template is used; data.chat_template takes another one.");
    }

    // Epochs are whole here.
    private void Epochs(string key, string text)
    {
        if (Number(key) is not { } epochs) return;
        var whole = Math.Max(1, Math.Ceiling(epochs));
        _draft.Set("training.epochs", Whole(whole));
        if (whole != epochs) _draft.Changed.Add($"{key}: {text} is {Whole(whole)} here, where epochs are whole: set training.max_steps for a part of one.");
    }

    private void Precision(string key, YamlNode value)
    {
        if (value is YamlScalar { Text: "false" or "False" }) return;
        if (key == "fp8")
        {
            _draft.Set("training.precision", "fp8");
            return;
        }

        // bf16 beside fp8 says what lies between the products.
        if (_draft["training.precision"] is "fp8") return;
        var isHalf = key is "fp16" or "float16" || Text(key) is "float16";
        _draft.Set("training.precision", key == "fp32" || Text(key) == "float32" ? "fp32" : "bf16");
        if (isHalf) _draft.Changed.Add($"{key}: bf16 takes the place of fp16, which has too small a range without a scale of the loss.");
    }

    private void Optimizer(string key, YamlNode value)
    {
        if (key == "use_muon")
        {
            if (IsTrue(value)) _draft.Set("optimizer.name", "muon");
            return;
        }

        if (_draft["optimizer.name"] is not null) return;
        var name = Text(key)!;
        var ours = name.Replace("paged_", "", StringComparison.Ordinal) switch
        {
            "adamw_8bit" or "adamw_bnb_8bit" or "ao_adamw_8bit" or "adamw_torch_8bit" => "adamw8bit",
            "adafactor" => "adafactor",
            "sgd" => "sgd",
            "muon" => "muon",
            var lion when lion.StartsWith("lion", StringComparison.Ordinal) => "lion",
            var adam when adam.StartsWith("adamw", StringComparison.Ordinal) => "adamw",
            _ => null,
        };
        if (ours is null) _draft.Missing.Add($"{key}: {Quoting.OneLine(name)}: adamw takes its place; another optimizer is a few lines of code, see examples/CustomOptimizer.");
        _draft.Set("optimizer.name", ours ?? "adamw");
    }

    private void Betas() => _draft.Set("optimizer.betas", (List<object>)[Text("adam_beta1") ?? "0.9", Text("adam_beta2") ?? "0.999"]);

    private void Schedule(string name)
    {
        var ours = name switch
        {
            "constant" or "constant_with_warmup" => "constant",
            "cosine_with_min_lr" => "cosine",
            "warmup_stable_decay" => "wsd",
            "linear" or "cosine" or "cosine_with_restarts" or "polynomial" or "inverse_sqrt" => name,
            _ => null,
        };
        if (ours is null) _draft.Missing.Add($"lr_scheduler: {Quoting.OneLine(name)}: cosine takes its place.");
        _draft.Set("schedule.name", ours ?? "cosine");
        if (name == "constant") _draft.Changed.Add("a constant rate has its warm-up here, too, where one is set.");
    }

    private void Warmup(double steps)
    {
        if (steps is > 0 and < 1) _draft.Set("schedule.warmup_ratio", Text("warmup_steps")!);
        else if (steps >= 1) _draft.Set("schedule.warmup_steps", Whole(steps));
    }

    private void MinimumRate(string key, double value)
    {
        var least = key == "min_lr" ? value : value * (Number("learning_rate") ?? 0);
        _draft.Set("schedule.min_learning_rate", least.ToString("G12", CultureInfo.InvariantCulture));
    }

    private void HeldOut(string key, YamlNode value)
    {
        var data = new RecipeData(new RecipeDraft(), _folder, Text("dataset_dir") ?? "data");
        if (data.Paths(key, value, Texts(value)) is [var only]) _draft.Set("evaluation.path", only);
        else _draft.Missing.Add($"{key}: evaluation.path is one file or folder: put the data of several into one folder.");
    }

    private void Fraction(string key, double value)
    {
        if (value <= 0) return;
        if (value < 1) _draft.Set("evaluation.fraction", Text(key)!);
        else _draft.Missing.Add($"{key}: {Whole(value)} is a number of examples; evaluation.fraction is a share of them.");
    }

    private void Steps(string key, string target, double value)
    {
        if (value >= 1) _draft.Set(target, Whole(value));
        else if (value > 0) _draft.Missing.Add($"{key}: {Text(key)} is a share of the run; {target} is a number of steps, see 'horizon plan'.");
    }

    /// <summary>What the other tool does where its file says nothing, and this one does otherwise.</summary>
    private void Defaults()
    {
        if (_draft["optimizer.name"] is "muon" or "lion") _draft.Changed.Add($"optimizer.name {_draft["optimizer.name"]} has rates of its own here: see that optimizer.learning_rate suits it.");
        _draft.SetDefault("optimizer.learning_rate", "5e-5", _tool);
        _draft.SetDefault("optimizer.weight_decay", "0", _tool);
        if (_draft["optimizer.name"] is null or "adamw" or "adamw8bit" && _draft["optimizer.betas"] is null)
        {
            _draft.Set("optimizer.betas", (List<object>)["0.9", "0.999"]);
            _draft.Changed.Add($"optimizer.betas is set to [0.9, 0.999], the default of {_tool}.");
        }

        _draft.SetDefault("schedule.name", IsAxolotl ? "cosine" : "linear", _tool);
        _draft.SetDefault("data.packing", _draft["data.format"] is "text" && !IsAxolotl ? "true" : "false", _tool);
        _draft.SetDefault("data.sequence_length", IsAxolotl ? "512" : "2048", _tool);
        if (_draft["training.max_steps"] is null) _draft.SetDefault("training.epochs", IsAxolotl ? "1" : "3", _tool);
        if (_draft["training.batch_size"] is null) _draft.SetDefault("training.batch_size", IsAxolotl ? "1" : "8", _tool);
        if (IsAxolotl) _draft.SetDefault("data.too_long", "drop", _tool);
        if (_draft["evaluation.path"] is null && _draft["evaluation.fraction"] is null)
        {
            foreach (var key in (string[])["evaluation.every_steps", "evaluation.patience", "evaluation.min_delta", "checkpoint.keep_best"])
            {
                if (_draft[key] is null) continue;
                _draft.Remove(key);
                _draft.Changed.Add($"{key} is left out: nothing is held out to evaluate on.");
            }
        }

        if (_draft["data.group_by_length"] is "true" && _draft["data.packing"] is "true") _draft.Remove("data.group_by_length");
        if (_draft["evaluation.patience"] is not null && _draft["evaluation.every_steps"] is null) _draft.Missing.Add("early stopping needs evaluation.every_steps.");
        if (_draft["evaluation.patience"] is not null && _draft["evaluation.every_steps"] is null) _draft.Remove("evaluation.patience");
        _draft.Changed.Add("a step has training.batch_size x training.gradient_accumulation rows: multiply the latter by the number of GPUs that the recipe was written for.");
    }

    /// <summary>What preferences leave no room for.</summary>
    private void Compared()
    {
        _draft.Remove("data.format"); // their keys tell their shape
        foreach (var key in (string[])["data.train_on", "data.train_on_prompt", "data.group_by_length", "training.label_smoothing"])
        {
            if (_draft[key] is null) continue;
            _draft.Remove(key);
            _draft.Changed.Add($"{key} is left out: answers are compared as wholes.");
        }

        if (_draft["training.objective.name"] is not "reward" || _draft["training.adapter.rank"] is null) return;
        _draft.RemoveSection(Adapter);
        _draft.Missing.Add("adapters of a reward model: it has a score to learn, so all parameters are trained.");
    }

    private static bool IsOf(string section, string path) => path.StartsWith(section + ".", StringComparison.Ordinal);

    private string? Text(string key) => _keys.TryGetValue(key, out var entry) && entry.Value is YamlScalar { IsNull: false } scalar ? scalar.Text : null;

    private double? Number(string key) =>
        double.TryParse(Text(key)?.Replace("_", "", StringComparison.Ordinal), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static bool IsTrue(YamlNode value) => value is YamlScalar { Text: "true" or "True" };

    private static string Whole(double number) => number.ToString("0", CultureInfo.InvariantCulture);

    // LLaMA-Factory writes lists as a, b.
    private static List<object> Texts(YamlNode value) => value switch
    {
        YamlList list => [.. list.Items.OfType<YamlScalar>().Select(item => (object)item.Text)],
        YamlScalar scalar => [.. scalar.Text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)],
        _ => [],
    };
}
