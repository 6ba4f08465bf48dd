using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// What stands beside tokenizer.json: tokenizer_config.json, special_tokens_map.json, generation_config.json and chat_template.jinja.
/// </summary>
internal sealed record TokenizerSettings(
    string? BeginToken, string? EndToken, string? PaddingToken, string? UnknownToken, bool AddsBegin, IReadOnlyList<int> StopIds,
    NamedTemplate? Template, NamedTemplate? ToolUseTemplate)
{
    private const int LongestTemplate = 16 << 20;

    /// <summary>All files that a tokenizer is read from.</summary>
    public static IReadOnlyList<string> Files { get; } =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "chat_template.jinja",
        "additional_chat_templates/tool_use.jinja",
    ];

    public static TokenizerSettings Read(string folder)
    {
        var config = ReadOptional(Path.Combine(folder, "tokenizer_config.json"));
        var map = ReadOptional(Path.Combine(folder, "special_tokens_map.json"));
        var (template, toolUse) = ReadTemplates(folder, config);
        var isLlama = config?.Optional("tokenizer_class") is { IsString: true } name
            && name.AsString().StartsWith("Llama", StringComparison.Ordinal);
        return new TokenizerSettings(
            Special("bos_token"), Special("eos_token"), Special("pad_token"), Special("unk_token"),
            isLlama && (config?.Optional("add_bos_token").AsBool(false) ?? false),
            ReadStopIds(folder), template, toolUse);

        string? Special(string name) => ReadSpecial(config, name) ?? ReadSpecial(map, name);
    }

    private static JsonPart? ReadOptional(string file) => UntrustedFile.IsThere(file) ? JsonPart.Read(file) : null;

    private static string? ReadSpecial(JsonPart? file, string name)
    {
        if (file?.Optional(name) is not { IsNull: false } token) return null;
        return token.IsObject ? token.Required("content").AsString() : token.AsString();
    }

    private static List<int> ReadStopIds(string folder)
    {
        if (ReadOptional(Path.Combine(folder, "generation_config.json"))?.Optional("eos_token_id") is not { IsNull: false } ids) return [];
        return ids.IsArray ? [.. ids.Items().Select(id => id.AsId())] : [ids.AsId()];
    }

    // Beside the default one there may be one for conversations with tools: as a file, or in the list of a tokenizer_config.json.
    private static (NamedTemplate? Default, NamedTemplate? ToolUse) ReadTemplates(string folder, JsonPart? config)
    {
        var file = Path.Combine(folder, "chat_template.jinja");
        var toolUse = ReadFile(Path.Combine(folder, "additional_chat_templates", "tool_use.jinja"));
        if (ReadFile(file) is { } ownFile) return (ownFile, toolUse);
        file = Path.Combine(folder, "tokenizer_config.json");
        if (config?.Optional("chat_template") is not { IsNull: false } template) return (null, toolUse);
        if (!template.IsArray) return (new NamedTemplate(template.AsString(), file), toolUse);
        return (Named("default"), toolUse ?? Named("tool_use"));

        NamedTemplate? Named(string name)
        {
            foreach (var one in template.Items())
                if (one.Required("name").AsString() == name) return new NamedTemplate(one.Required("template").AsString(), file);
            return null;
        }
    }

    private static NamedTemplate? ReadFile(string file) =>
        UntrustedFile.IsThere(file) ? new NamedTemplate(UntrustedFile.ReadText(file, LongestTemplate, "a chat template"), file) : null;
}
