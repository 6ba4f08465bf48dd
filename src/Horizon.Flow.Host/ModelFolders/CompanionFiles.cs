using System.IO.Enumeration;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.Safetensors;

namespace Horizon.Flow.Host.ModelFolders;

/// <summary>
/// What lies beside a model's weights and travels with them, since other tools or the law ask for it: tokenizer, chat templates, generation and
/// preprocessor settings, licence and use policy. Not the model card, which tells of the model as it was before.
/// </summary>
public static class CompanionFiles
{
    /// <summary>Bytes that one may have: the largest tokenizer.json known has some 40 MB.</summary>
    public const int LongestFile = 1 << 28;

    private const string Templates = "additional_chat_templates";

    private static readonly string[] Patterns =
    [
        "generation_config.json", "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json",
        "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt",
        "*.tiktoken", "tekken.json", "spiece.model", "sentencepiece.bpe.model", "chat_template*.jinja", "chat_template*.json",
        "*license*", "*licence*", "copying*", "notice*", "*use_policy*", "*use-policy*",
    ];

    /// <summary>Finds a model folder's companions and makes sure that they can be copied.</summary>
    /// <param name="folder">The folder; its files are untrusted.</param>
    /// <returns>Names relative to the folder, in ordinal order.</returns>
    /// <exception cref="HorizonException">One of them is not what <see cref="UntrustedFile"/> lets pass; or the folder cannot be read.</exception>
    public static IReadOnlyList<string> Find(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        try
        {
            var names = NamesIn(folder);
            foreach (var name in names) UntrustedFile.OpenRead(Path.Combine(folder, name), LongestFile, What(name), folder).Dispose();
            return names;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"cannot read the model folder {folder}: {error.Reason()}", error);
        }
    }

    /// <summary>Copies companions, with the modes that new files have, and removes those of an earlier model.</summary>
    /// <param name="source">The folder that they lie in.</param>
    /// <param name="target">An existing folder; may be the same.</param>
    /// <param name="names">What <see cref="Find"/> gave.</param>
    /// <param name="changed">Files to write in the place of what lies in the source, or beside it, by name; null for one that is to be left out.</param>
    /// <exception cref="HorizonException">Some could not be copied: each is named, after all others were.</exception>
    public static async Task CopyAsync(string source, string target, IReadOnlyList<string> names, IReadOnlyDictionary<string, byte[]?>? changed = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        ArgumentException.ThrowIfNullOrEmpty(target);
        ArgumentNullException.ThrowIfNull(names);
        if (RealPath.Resolve(source) == RealPath.Resolve(target)) return;
        var problems = new List<string>();
        string[] written = [.. names.Union(changed?.Keys ?? []).Where(name => changed?.TryGetValue(name, out var bytes) != true || bytes is not null)];
        foreach (var name in written)
        {
            try
            {
                await WriteAsync(target, name, changed?.GetValueOrDefault(name) ?? UntrustedFile.ReadBytes(Path.Combine(source, name), LongestFile, What(name), source)).ConfigureAwait(false);
            }
            catch (HorizonException error)
            {
                problems.Add(error.Message);
            }
        }

        try
        {
            foreach (var older in NamesIn(target).Except(written)) File.Delete(Path.Combine(target, older));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            problems.Add($"what an earlier model left there cannot be deleted: {error.Reason()}");
        }

        if (problems.Count > 0)
            throw new HorizonException($"{target} has the model, but not all that lay beside it in {source}: {string.Join("; ", problems)}");
    }

    private static async Task WriteAsync(string target, string name, byte[] bytes)
    {
        var path = Path.Combine(target, name);
        try
        {
            OutputFile.RefuseLink(Path.GetDirectoryName(path)!);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw PartialFile.Unwritable(path, error);
        }

        var file = await PartialFile.WriteAsync(path, bytes).ConfigureAwait(false);
        await using (file.ConfigureAwait(false)) file.Commit();
    }

    private static string[] NamesIn(string folder)
    {
        var names = Directory.EnumerateFiles(folder).Select(file => Path.GetFileName(file))
            .Where(name => Patterns.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, name)));
        var templates = Path.Combine(folder, Templates);
        var nested = Directory.Exists(templates) ? Directory.EnumerateFiles(templates, "*.jinja").Select(file => Path.Combine(Templates, Path.GetFileName(file))) : [];
        return [.. names.Concat(nested).Where(name => !name.EndsWith(PartialFile.Suffix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
    }

    private static string What(string name) => $"a {Path.GetFileName(name)} to be copied with the model";
}
