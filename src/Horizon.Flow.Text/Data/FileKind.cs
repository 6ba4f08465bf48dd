namespace Horizon.Flow.Text.Data;

/// <summary>What a data file holds, told from its name.</summary>
/// <param name="Name">What users call it.</param>
/// <param name="IsRead">Whether it is read here.</param>
/// <param name="IsText">Whether its bytes are text, so that <see cref="DataFormat.Text"/> can take it.</param>
internal sealed record FileKind(string Name, bool IsRead, bool IsText)
{
    public static readonly FileKind Text = new("text", IsRead: true, IsText: true);
    public static readonly FileKind Json = new("JSON", IsRead: true, IsText: true);
    public static readonly FileKind Csv = new("CSV", IsRead: true, IsText: false);
    public static readonly FileKind Tsv = new("TSV", IsRead: true, IsText: false);
    public static readonly FileKind Parquet = new("Parquet", IsRead: true, IsText: false);
    public static readonly FileKind Arrow = new("Arrow", IsRead: true, IsText: false);

    /// <summary>What is read, for messages.</summary>
    public const string Known =
        "text (.txt, .md), JSON (.json), JSON lines (.jsonl, .ndjson), CSV (.csv, .tsv), Parquet (.parquet) and Arrow (.arrow), "
        + "the first four also compressed (.gz, .zst)";

    private static readonly Dictionary<string, FileKind> Kinds = new(StringComparer.OrdinalIgnoreCase)
    {
        [".txt"] = Text, [".md"] = Text,
        [".json"] = Json, [".jsonl"] = Json, [".ndjson"] = Json,
        [".csv"] = Csv, [".tsv"] = Tsv, [".parquet"] = Parquet, [".arrow"] = Arrow,
        [".html"] = Unread("HTML", isText: true),
        [".xml"] = Unread("XML", isText: true), [".yaml"] = Unread("YAML", isText: true), [".yml"] = Unread("YAML", isText: true),
        [".feather"] = Unread("Feather"), [".orc"] = Unread("ORC"),
        [".tgz"] = Unread("a tar archive"), [".xz"] = Unread("xz"), [".bz2"] = Unread("bzip2"),
        [".zip"] = Unread("a zip archive"), [".7z"] = Unread("a 7z archive"), [".tar"] = Unread("a tar archive"),
        [".xlsx"] = Unread("Excel"), [".docx"] = Unread("Word"), [".pdf"] = Unread("PDF"), [".epub"] = Unread("EPUB"),
        [".db"] = Unread("a database"), [".sqlite"] = Unread("a database"), [".npy"] = Unread("NumPy"), [".npz"] = Unread("NumPy"),
        [".pkl"] = Unread("a pickle"), [".pt"] = Unread("PyTorch"), [".h5"] = Unread("HDF5"),
    };

    /// <summary>The kind of a file, of what it holds where it is compressed; null where its name does not say.</summary>
    public static FileKind? Of(string file)
    {
        var kind = Kinds.GetValueOrDefault(System.IO.Path.GetExtension(DataStream.WithoutCompression(file)));
        if (!DataStream.IsCompressed(file)) return kind;
        // Parquet and Arrow are read in places of their own choice, which a compressed file does not allow.
        return kind is null or { IsRead: false } || kind == Parquet || kind == Arrow ? Unread($"compressed {kind?.Name ?? "data of no known kind"}") : kind;
    }

    private static FileKind Unread(string name, bool isText = false) => new(name, IsRead: false, isText);
}
