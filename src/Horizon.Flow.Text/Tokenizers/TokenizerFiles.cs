using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.ModelFolders;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>What a run changes of a tokenizer, as the files of its model's folder: other tools read the same tokens and template.</summary>
public static class TokenizerFiles
{
    private const string Tokenizer = "tokenizer.json";
    private const string Settings = "tokenizer_config.json";
    private const string SpecialTokens = "special_tokens_map.json";
    private const string Template = "chat_template.jinja";
    private const string Templates = "additional_chat_templates";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The files that change, by name; null for one that is to be left out.</summary>
    /// <param name="folder">The folder that the tokenizer was read from.</param>
    /// <param name="tokenizer">The tokenizer with its changes.</param>
    /// <param name="changes">The changes.</param>
    /// <exception cref="HorizonException">A file cannot be read.</exception>
    public static IReadOnlyDictionary<string, byte[]?> Changed(string folder, HuggingFaceTokenizer tokenizer, TokenizerChanges changes)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(changes);
        var changed = new Dictionary<string, byte[]?>();
        var tokens = tokenizer.AdditionalTokens;
        if (tokens.Count > 0) Change(Tokenizer, root => Add(root, tokens));
        if (tokens.Count > 0) Change(SpecialTokens, root => AddTexts(root, tokens));
        Change(Settings, root =>
        {
            if (tokens.Count > 0) Name(root, tokens);
            if (changes.ChatTemplate is not null) root.Remove("chat_template");
        });
        if (changes.ChatTemplate is not { } template) return changed;
        foreach (var other in CompanionFiles.Find(folder).Where(name => name.StartsWith("chat_template", StringComparison.Ordinal) || name.StartsWith(Templates, StringComparison.Ordinal))) changed[other] = null;
        changed[Template] = Encoding.UTF8.GetBytes(template);
        return changed;

        void Change(string name, Action<JsonObject> change)
        {
            var path = Path.Combine(folder, name);
            if (!UntrustedFile.IsThere(path)) return;
            var root = (JsonObject)JsonNode.Parse(UntrustedFile.ReadText(path, CompanionFiles.LongestFile, $"a {name}"))!;
            change(root);
            changed[name] = Encoding.UTF8.GetBytes(root.ToJsonString(Indented) + "\n");
        }
    }

    private static void Add(JsonObject root, IReadOnlyList<AddedToken> tokens)
    {
        if (root["added_tokens"] is not JsonArray all) root["added_tokens"] = all = [];
        foreach (var token in tokens)
        {
            if (all.FirstOrDefault(one => (string?)one?["content"] == token.Content) is { } there) all.Remove(there);
            all.Add(Describe(token, withId: true));
        }
    }

    private static void Name(JsonObject root, IReadOnlyList<AddedToken> tokens)
    {
        if (root["added_tokens_decoder"] is JsonObject all)
            foreach (var token in tokens) all[token.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)] = Describe(token, withId: false);
        AddTexts(root, tokens);
    }

    private static void AddTexts(JsonObject root, IReadOnlyList<AddedToken> tokens)
    {
        // The name that newer writers give it, where it is there.
        var key = root.ContainsKey("extra_special_tokens") && root["extra_special_tokens"] is JsonArray ? "extra_special_tokens" : "additional_special_tokens";
        if (root[key] is not JsonArray all) root[key] = all = [];
        foreach (var token in tokens)
            if (!all.Any(one => (one is JsonObject ? (string?)one["content"] : (string?)one) == token.Content)) all.Add(token.Content);
    }

    private static JsonObject Describe(AddedToken token, bool withId)
    {
        var described = new JsonObject();
        if (withId) described["id"] = token.Id;
        described["content"] = token.Content;
        described["single_word"] = token.SingleWord;
        described["lstrip"] = token.TakesLeft;
        described["rstrip"] = token.TakesRight;
        described["normalized"] = token.IsNormalized;
        described["special"] = token.IsSpecial;
        return described;
    }
}
