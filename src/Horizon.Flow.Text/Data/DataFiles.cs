namespace Horizon.Flow.Text;

/// <summary>Which files a data set is, and what each holds.</summary>
internal static class DataFiles
{
    private static readonly string[] TextExtensions = [".txt", ".md"];
    private static readonly string[] JsonExtensions = [".json", ".jsonl", ".ndjson"];

    private static readonly (string Key, DataFormat Format)[] Keys =
    [
        ("input_ids", DataFormat.Tokens),
        ("messages", DataFormat.Messages),
        ("conversations", DataFormat.ShareGpt),
        ("instruction", DataFormat.Alpaca),
        ("text", DataFormat.Text),
    ];

    /// <summary>The file itself, or a folder's files in ordinal order of their names.</summary>
    public static IReadOnlyList<string> Find(string path)
    {
        if (File.Exists(path)) return [path];
        if (!Directory.Exists(path)) throw new HorizonException($"{path} does not exist: set data.path to a file or a folder.");
        var files = Directory.GetFiles(path).Where(file => IsText(file) || IsJson(file)).Order(StringComparer.Ordinal).ToList();
        if (files.Count == 0)
        {
            throw new HorizonException(
                $"{path} holds no data files: known are {string.Join(", ", TextExtensions.Concat(JsonExtensions))}.");
        }

        return files;
    }

    public static bool IsJson(string file) => JsonExtensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase);

    /// <summary>The format of a file, told from its name and its first record.</summary>
    public static DataFormat Detect(string file)
    {
        if (!IsJson(file))
        {
            return IsText(file) ? DataFormat.Text : throw new HorizonException(
                $"{file}: the name does not say what this holds; set data.format.");
        }

        // A file without records has no documents in any format.
        if (RecordReader.Read(file).Select(r => (DataRecord?)r).FirstOrDefault() is not { } first) return DataFormat.Text;
        foreach (var (key, format) in Keys)
            if (first.Has(key)) return format;
        var known = string.Join(", ", Keys.Select(k => $"'{k.Key}' ({k.Format.ToString().ToLowerInvariant()})"));
        throw first.Error($"the format cannot be told from its keys; known are {known}; set data.format.");
    }

    private static bool IsText(string file) => TextExtensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase);
}
