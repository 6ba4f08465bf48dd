namespace Horizon.Flow.Text.Data;

/// <summary>Which files a data set is, and what each holds.</summary>
internal static class DataFiles
{
    /// <summary>How far into a file its format is looked for, where its first records are damaged.</summary>
    private const int RecordsToTry = 100;

    private static readonly (string Key, DataFormat Format)[] Keys =
    [
        ("input_ids", DataFormat.Tokens),
        ("messages", DataFormat.Messages),
        ("conversations", DataFormat.ShareGpt),
        ("instruction", DataFormat.Alpaca),
        ("text", DataFormat.Text),
        ("content", DataFormat.Text),
    ];

    /// <summary>The file itself, or what a folder holds, with a sentence on what of it was taken.</summary>
    public static (IReadOnlyList<string> Files, string? Notice) Find(DataOptions options)
    {
        if (Directory.Exists(options.Path)) return DataFolder.Find(options.Path, options.Format, options.Split, options.SplitName);
        if (!File.Exists(options.Path) && FilePattern.Is(options.Path)) return DataFolder.FindMatching(options.Path, options.Format, options.SplitName);
        if (!File.Exists(options.Path)) throw new HorizonException($"{options.Path} does not exist: set data.path to a file or a folder.");
        if (options.SplitName is { } split)
            throw new HorizonException($"{options.Path} is one file, which has no split '{split}': leave data.split out, or give the folder.");
        if (FileKind.Of(options.Path) is { IsRead: false } kind && !(kind.IsText && options.Format == DataFormat.Text))
            throw new HorizonException($"{options.Path} is {kind.Name}, which is not read here; read are {FileKind.Known}: convert it, best to JSON lines.");
        return ([options.Path], null);
    }

    /// <summary>Whether a file holds records, not one text.</summary>
    public static bool HoldsRecords(string file) => FileKind.Of(file) is { IsRead: true } kind && kind != FileKind.Text;

    /// <summary>Refuses a file whose name does not say what it holds, where nothing else does.</summary>
    public static void RequireKnown(string file)
    {
        if (FileKind.Of(file) is not { IsRead: true })
            throw new HorizonException($"{file}: the name does not say what this holds; read are {FileKind.Known}; set data.format to what it is.");
    }

    /// <summary>The format of records, told from the first whole one.</summary>
    public static DataFormat Detect(IEnumerable<RawRecord> records, ColumnMap columns)
    {
        BadRecordException? bad = null;
        foreach (var record in records.Take(RecordsToTry))
        {
            try
            {
                return Detect(columns.Apply(record.Parse()));
            }
            catch (BadRecordException e)
            {
                bad ??= e;
            }
        }

        throw bad!.ToError();
    }

    private static DataFormat Detect(DataRecord record)
    {
        foreach (var (key, format) in Keys.Take(3))
            if (record.Has(key)) return format;
        if (record.Has("instruction") && record.Has("output")) return DataFormat.Alpaca;
        if (PairKeys.Of(record) is not null) return DataFormat.Pairs;
        foreach (var (key, format) in Keys)
            if (record.Has(key)) return format;
        var known = string.Join(", ", Keys.Select(k => $"'{k.Key}' ({k.Format.ToString().ToLowerInvariant()})")) + $", {PairKeys.Names} (pairs)";
        if (RecordKeys.Refusal(record) is { } refusal) throw record.Error(refusal);
        throw record.Error($"the format cannot be told from its keys; known are {known}; set data.format, or say in data.columns what they mean.");
    }
}
