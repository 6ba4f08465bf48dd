using System.Text.Json;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Validation;

namespace Horizon.Flow.Runs.Conversion;

/// <summary>The data of another tool's recipe: names of LLaMA-Factory's table, or axolotl's list.</summary>
internal sealed class RecipeData(RecipeDraft draft, string folder, string tableFolder)
{
    private const string Table = "dataset_info.json";
    private const int LongestTable = 1 << 22;

    // The names that are found without being said.
    private static readonly HashSet<string> Usual = new(StringComparer.Ordinal)
    {
        "messages", "conversations", "role", "from", "content", "value", "instruction", "input", "output", "system", "tools", "text", "history", "human", "user", "gpt", "assistant",
        "function_call", "observation", "tool", "function", "chosen", "rejected", "label", "kto_tag",
    };

    private readonly Dictionary<string, string> _columns = new(StringComparer.Ordinal);
    private readonly string? _objective = draft["training.objective.name"] as string;

    /// <summary>Sets the data keys of the draft.</summary>
    public void Convert(string key, YamlNode value, List<object> names)
    {
        List<object> sets = [.. value is YamlList list ? list.Items.Select(Axolotl) : names.Select(name => Named((string)name))];
        if (key == "pretraining_dataset") draft.Set("data.format", "text");
        if (sets is [IReadOnlyDictionary<string, string> only] && only.Keys.All(inner => inner is "path" or "split" or "format"))
        {
            foreach (var (inner, text) in only) draft.Set($"data.{inner}", text);
        }
        else draft.Set("data.sets", sets);
        foreach (var (column, theirs) in _columns) draft.Set(column, column.StartsWith("data.roles", StringComparison.Ordinal) ? (object)new List<object> { theirs } : theirs);
    }

    /// <summary>The paths alone.</summary>
    public IReadOnlyList<string> Paths(string key, YamlNode value, List<object> names)
    {
        Convert(key, value, names);
        return draft["data.path"] is string only ? [only] : [.. ((IEnumerable<object>)draft["data.sets"]!).Select(set => ((IReadOnlyDictionary<string, string>)set)["path"])];
    }

    private Dictionary<string, string> Named(string name)
    {
        var table = Path.Combine(folder, tableFolder, Table);
        if (Find(table, name) is not { } entry)
        {
            if (name.Contains('/', StringComparison.Ordinal) || name.Contains('.', StringComparison.Ordinal)) return new() { ["path"] = name };
            draft.Changed.Add($"the data set {Quoting.OneLine(name)} is a name of LLaMA-Factory's {Table}, which does not lie in {tableFolder}: its file is guessed.");
            return new() { ["path"] = Path.Combine(tableFolder, $"{name}.json") };
        }

        var set = new Dictionary<string, string>();
        if (Said(entry, "file_name") is { } file) set["path"] = Path.Combine(tableFolder, file);
        else
        {
            set["path"] = Said(entry, "hf_hub_url") ?? name;
            draft.Changed.Add($"the data set {Quoting.OneLine(name)} lies on the Hub: fetch {Quoting.OneLine(set["path"])}, and name its folder.");
        }

        if (Said(entry, "split") is { } split and not "train") set["split"] = split;
        if (_objective is null && entry.TryGetProperty("ranking", out var ranking) && ranking.ValueKind == JsonValueKind.True)
            draft.Missing.Add($"the data set {Quoting.OneLine(name)} holds preferences, and the recipe learns none: name training.objective.");
        var isSharegpt = Said(entry, "formatting") is "sharegpt";
        Columns(entry, "columns", isSharegpt
            ? [("messages", "data.columns.turns"), ("system", "data.columns.system"), ("tools", "data.columns.tools")]
            : [("prompt", "data.columns.prompt"), ("query", "data.columns.input"), ("response", "data.columns.answer"), ("system", "data.columns.system"), ("history", "data.columns.history")]);
        Columns(entry, "columns", [("chosen", "data.columns.chosen"), ("rejected", "data.columns.rejected"), ("kto_tag", "data.columns.label")]);
        Columns(entry, "tags", [("role_tag", "data.columns.role"), ("content_tag", "data.columns.content"), ("user_tag", "data.roles.user"), ("assistant_tag", "data.roles.assistant"), ("system_tag", "data.roles.system")]);
        return set;
    }

    private void Columns(JsonElement entry, string section, (string Theirs, string Ours)[] names)
    {
        if (!entry.TryGetProperty(section, out var columns) || columns.ValueKind != JsonValueKind.Object) return;
        foreach (var (theirs, ours) in names)
            if (Said(columns, theirs) is { } column) Column(ours, column);
    }

    private void Column(string ours, string theirs)
    {
        // A prompt that answers are compared for is a turn there, where a text named so is one text with its answer here.
        if (Usual.Contains(theirs) || (_objective is null && ours == "data.columns.prompt" && theirs is "prompt" or "question" or "query") || (_objective is null && ours == "data.columns.answer" && theirs is "response" or "answer" or "completion")) return;
        if (!_columns.TryAdd(ours, theirs) && _columns[ours] != theirs) draft.Changed.Add($"{ours} is {_columns[ours]} for all sets; one of them has {Quoting.OneLine(theirs)} there: train it by itself, or rename its key.");
    }

    private object Axolotl(YamlNode node)
    {
        if (node is YamlScalar path) return new Dictionary<string, string> { ["path"] = path.Text };
        if (node is not YamlMap { Entries: var keys }) return new Dictionary<string, string> { ["path"] = "" };
        string? Said(string key) => keys.TryGetValue(key, out var entry) && entry.Value is YamlScalar { IsNull: false } scalar ? scalar.Text : null;
        var set = new Dictionary<string, string> { ["path"] = keys.TryGetValue("data_files", out var files) ? FirstOf(files.Value) ?? Said("path") ?? "" : Said("path") ?? "" };
        if (!set["path"].StartsWith('.') && !set["path"].Contains("json", StringComparison.Ordinal) && !Path.IsPathRooted(set["path"]) && !Path.Exists(Path.Combine(folder, set["path"])))
            draft.Changed.Add($"data: {Quoting.OneLine(set["path"])} is a name on the Hub, or a path: fetch it, with 'hf download --repo-type dataset' for instance, and name its folder.");
        foreach (var (key, entry) in keys)
        {
            if (entry.Value is YamlScalar { IsNull: true }) continue;
            switch (key)
            {
                case "path" or "ds_type" or "data_files" or "trust_remote_code" or "revision": break;
                case "type": Type(set, entry.Value); break;
                case "split" when Said(key)!.Contains('[', StringComparison.Ordinal): draft.Missing.Add($"datasets.split: {Said(key)}: a part of a split is data.max_samples, the first so many records."); break;
                case "split": if (Said(key) is { } split and not "train") set["split"] = split; break;
                case "field_messages": Column("data.columns.turns", Said(key)!); break;
                case "field_system": Column("data.columns.system", Said(key)!); break;
                case "field_instruction": Column("data.columns.prompt", Said(key)!); break;
                case "field_input": Column("data.columns.input", Said(key)!); break;
                case "field_output": Column("data.columns.answer", Said(key)!); break;
                case "field": Column("data.columns.text", Said(key)!); break;
                case "message_field_role": Column("data.columns.role", Said(key)!); break;
                case "message_field_content": Column("data.columns.content", Said(key)!); break;
                case "message_property_mappings" when entry.Value is YamlMap map: Mappings(map); break;
                case "roles" when entry.Value is YamlMap roles: Roles(roles); break;
                case "field_chosen": Column("data.columns.chosen", Said(key)!); break;
                case "field_rejected": Column("data.columns.rejected", Said(key)!); break;
                case "train_on_eos" or "roles_to_train" when Said(key) is "turn" || FirstOf(entry.Value) is "assistant": break;
                default: draft.Missing.Add($"datasets.{Quoting.OneLine(key)}: see data.columns, data.roles and data.sets for what a set may say."); break;
            }
        }

        return set;
    }

    private void Type(Dictionary<string, string> set, YamlNode type)
    {
        if (type is YamlMap { Entries: var keys })
        {
            foreach (var (theirs, ours) in ((string, string)[])[("field_instruction", "data.columns.prompt"), ("field_prompt", "data.columns.prompt"), ("field_chosen", "data.columns.chosen"), ("field_rejected", "data.columns.rejected"), ("field_input", "data.columns.input"), ("field_output", "data.columns.answer"), ("field_system", "data.columns.system")])
                if (keys.TryGetValue(theirs, out var field) && field.Value is YamlScalar { IsNull: false } column) Column(ours, column.Text);
            if (keys.ContainsKey("format")) draft.Missing.Add("datasets.type.format: prompts are written by the chat template.");
            return;
        }

        if (type is not YamlScalar { Text: var name }) return;
        if (_objective is not null)
        {
            Compared(name);
            return;
        }

        if (name.StartsWith("alpaca", StringComparison.Ordinal)) set["format"] = "alpaca";
        else if (name is "completion" or "pretrain") set["format"] = "text";
        else if (name.StartsWith("sharegpt", StringComparison.Ordinal)) set["format"] = "sharegpt";
        else if (!name.StartsWith("chat_template", StringComparison.Ordinal)) draft.Changed.Add($"datasets.type: {Quoting.OneLine(name)}: the records' keys tell their shape here.");
    }

    // Kinds of axolotl's preferences, as chatml.intel: most are told by their keys.
    private void Compared(string kind)
    {
        var shape = kind[(kind.LastIndexOf('.') + 1)..];
        if (_objective == "kto")
        {
            Column("data.columns.prompt", shape switch { "argilla" => "instruction", "intel" => "question", "icr" => "input", _ => "prompt" });
            Column("data.columns.answer", "completion");
        }
        else if (shape == "prompt_pairs") Column("data.columns.prompt", "prompt");
    }

    private void Mappings(YamlMap map)
    {
        foreach (var (ours, column) in ((string, string)[])[("role", "data.columns.role"), ("content", "data.columns.content")])
            if (map.Entries.TryGetValue(ours, out var entry) && entry.Value is YamlScalar { IsNull: false } theirs) Column(column, theirs.Text);
    }

    private void Roles(YamlMap roles)
    {
        foreach (var (role, entry) in roles.Entries)
        {
            if (role is not ("user" or "assistant" or "system" or "tool") || entry.Value is not YamlList names) continue;
            foreach (var name in names.Items.OfType<YamlScalar>().Where(name => !Usual.Contains(name.Text) && name.Text is not ("model" or "system"))) Column($"data.roles.{role}", name.Text);
        }
    }

    private static string? FirstOf(YamlNode node) => node switch
    {
        YamlScalar { IsNull: false } scalar => scalar.Text,
        YamlList { Items: [YamlScalar first, ..] } => first.Text,
        _ => null,
    };

    private static JsonElement? Find(string table, string name)
    {
        if (!UntrustedFile.IsThere(table)) return null;
        try
        {
            using var document = JsonDocument.Parse(UntrustedFile.ReadText(table, LongestTable, $"a {Table}"));
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(name, out var entry) && entry.ValueKind == JsonValueKind.Object ? entry.Clone() : null;
        }
        catch (JsonException error)
        {
            throw new HorizonException($"{table} is not valid JSON: {error.Message}", error);
        }
    }

    private static string? Said(JsonElement entry, string name) => entry.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
