using System.Text.Json;
using System.Text.Json.Nodes;
using Horizon.Flow.Host;

namespace Horizon.Flow.Configuration;

/// <summary>Writes a trained model as a Hugging Face folder that other tools load.</summary>
internal static class ModelFolderWriter
{
    private const string ConfigFile = "config.json";

    private static readonly string[] CopiedFiles =
    [
        "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json",
        "vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json",
    ];

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Weights first, all at once; then what describes them.</summary>
    /// <param name="source">The folder that the model came from.</param>
    /// <param name="target">Made where needed.</param>
    /// <param name="store">The weights, at one step.</param>
    /// <exception cref="HorizonException">The folder cannot be written, or the disk is full.</exception>
    public static async Task WriteAsync(string source, string target, ParameterStore store)
    {
        // Read before anything is written: source and target may be one folder.
        var config = Describe(await File.ReadAllTextAsync(Path.Combine(source, ConfigFile)).ConfigureAwait(false), store.Precision);
        await ModelExporter.ExportAsync(target, store.Units).ConfigureAwait(false);
        try
        {
            foreach (var name in CopiedFiles) Copy(Path.Combine(source, name), Path.Combine(target, name));
            Put(Path.Combine(target, ConfigFile), partial => File.WriteAllText(partial, config));
            FolderFlush.ToDisk(target);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"cannot write {target}: {error.Message.TrimEnd('.')}; free space there or choose another output.directory", error);
        }
    }

    private static string Describe(string json, StorePrecision precision)
    {
        var config = (JsonObject)JsonNode.Parse(json, documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true })!;
        var type = precision == StorePrecision.Fp32 ? "float32" : "bfloat16";
        // Newer writers name it dtype; older readers know torch_dtype alone.
        if (config.ContainsKey("dtype")) config["dtype"] = type;
        config["torch_dtype"] = type;
        return config.ToJsonString(Indented) + "\n";
    }

    private static void Copy(string from, string to)
    {
        if (Path.GetFullPath(from) == Path.GetFullPath(to)) return;
        if (File.Exists(from)) Put(to, partial => File.Copy(from, partial, overwrite: true));
        else File.Delete(to); // an earlier model's
    }

    private static void Put(string path, Action<string> write)
    {
        var partial = path + ".partial";
        write(partial);
        using (var written = new FileStream(partial, FileMode.Open, FileAccess.Write)) written.Flush(flushToDisk: true);
        File.Move(partial, path, overwrite: true);
    }
}
