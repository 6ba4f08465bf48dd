using Horizon.Flow.Host;

namespace Horizon.Flow.Text;

/// <summary>
/// What stands beside tokenizer.json: tokenizer_config.json, special_tokens_map.json, generation_config.json and chat_template.jinja.
/// </summary>
internal sealed record TokenizerSettings(
    string? BeginToken, string? EndToken, string? PaddingToken, string? UnknownToken, bool AddsBegin, IReadOnlyList<int> StopIds,
    string? Template, string TemplateFile)
{
    private const int LongestTemplate = 16 << 20;

    public static TokenizerSettings Read(string folder)
    {
        var config = ReadOptional(Path.Combine(folder, "tokenizer_config.json"));
        var map = ReadOptional(Path.Combine(folder, "special_tokens_map.json"));
        var (template, file) = ReadTemplate(folder, config);
        var isLlama = config?.Optional("tokenizer_class") is { IsString: true } name
            && name.AsString().StartsWith("Llama", StringComparison.Ordinal);
        return new TokenizerSettings(
            Special("bos_token"), Special("eos_token"), Special("pad_token"), Special("unk_token"),
            isLlama && (config?.Optional("add_bos_token").AsBool(false) ?? false),
            ReadStopIds(folder), template, file);

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

    private static (string? Template, string File) ReadTemplate(string folder, JsonPart? config)
    {
        var file = Path.Combine(folder, "chat_template.jinja");
        if (UntrustedFile.IsThere(file)) return (UntrustedFile.ReadText(file, LongestTemplate, "a chat template"), file);
        file = Path.Combine(folder, "tokenizer_config.json");
        if (config?.Optional("chat_template") is not { IsNull: false } template) return (null, file);
        if (!template.IsArray) return (template.AsString(), file);

        // Several named templates: the one named default.
        foreach (var named in template.Items())
            if (named.Required("name").AsString() == "default") return (named.Required("template").AsString(), file);
        return (null, file);
    }
}
