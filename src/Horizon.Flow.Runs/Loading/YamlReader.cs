using Horizon.Flow.Runs.Validation;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Horizon.Flow.Runs.Loading;

/// <summary>
/// Reads one YAML document into <see cref="YamlNode"/>s. Untrusted input: size and depth are bounded, and what a configuration has no
/// use for (anchors, aliases, tags, several documents, equal keys) is refused.
/// </summary>
internal sealed class YamlReader
{
    /// <summary>The largest document, in characters.</summary>
    public const int MaxCharacters = 1 << 18;

    private const int MaxDepth = 16;

    private readonly string _name;
    private readonly string _baseDirectory;
    private readonly bool _namesLines;
    private readonly int _lineCount;
    private readonly Parser _parser;
    private int _depth;

    private YamlReader(string text, string name, string baseDirectory, bool namesLines)
    {
        _name = name;
        _baseDirectory = baseDirectory;
        _namesLines = namesLines;
        // The parser finds what is missing at the end of a file one line below it.
        _lineCount = text.TrimEnd('\n').Count('\n') + 1;
        _parser = new Parser(new StringReader(text));
    }

    /// <summary>Reads <paramref name="text"/>; an empty document is a null scalar.</summary>
    /// <param name="text">The document.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="baseDirectory">What its relative paths are relative to.</param>
    /// <param name="namesLines">Whether messages give the line too.</param>
    /// <exception cref="HorizonException">It cannot be read; the message names the line.</exception>
    public static YamlNode Read(string text, string name, string baseDirectory, bool namesLines = true)
    {
        if (text.Length > MaxCharacters)
            throw new HorizonException($"{name} has {text.Length} characters; a configuration has at most {MaxCharacters}.");
        var reader = new YamlReader(text, name, baseDirectory, namesLines);
        try
        {
            return reader.ReadDocument();
        }
        catch (YamlException error)
        {
            throw reader.Refuse(error.Start, $"this is not YAML: {Quoting.OneLine(error.Message)}", error);
        }
        catch (Exception error) when (error is ArgumentException or FormatException or OverflowException or InvalidOperationException)
        {
            // The parser lets these through for some unclosed lists and malformed escapes.
            throw reader.Refuse(reader._parser.Current?.Start ?? Mark.Empty, "this is not YAML; a bracket or a quotation mark may be missing", error);
        }
    }

    private YamlNode ReadDocument()
    {
        _parser.Consume<StreamStart>();
        if (_parser.TryConsume<StreamEnd>(out var end))
            return new YamlScalar("", IsPlain: true, At(end.Start));
        _parser.Consume<DocumentStart>();
        var root = ReadNode();
        _parser.Consume<DocumentEnd>();
        if (!_parser.TryConsume<StreamEnd>(out _))
            throw Refuse(_parser.Current!.Start, "a second document begins here; a configuration is one document");
        return root;
    }

    private YamlNode ReadNode()
    {
        if (_parser.Accept<AnchorAlias>(out var alias))
            throw Refuse(alias.Start, $"*{Quoting.OneLine(alias.Value.Value)} is an alias; write the value out instead");
        var node = _parser.Consume<NodeEvent>();
        if (!node.Anchor.IsEmpty)
            throw Refuse(node.Start, $"&{Quoting.OneLine(node.Anchor.Value)} is an anchor; a configuration has none");
        if (!node.Tag.IsEmpty)
            throw Refuse(node.Start, $"{Quoting.OneLine(node.Tag.ToString())} is a tag; a configuration has none");
        if (_depth == MaxDepth)
            throw Refuse(node.Start, $"more than {MaxDepth} levels of lists and sections");
        _depth++;
        YamlNode read = node switch
        {
            Scalar scalar => new YamlScalar(scalar.Value, scalar.Style == ScalarStyle.Plain, At(scalar.Start)),
            SequenceStart => ReadList(At(node.Start)),
            MappingStart => ReadMap(At(node.Start)),
            _ => throw Refuse(node.Start, "this is not a value"),
        };
        _depth--;
        return read;
    }

    private YamlList ReadList(Origin origin)
    {
        var items = new List<YamlNode>();
        while (!_parser.TryConsume<SequenceEnd>(out _))
            items.Add(ReadNode());
        return new YamlList(items, origin);
    }

    private YamlMap ReadMap(Origin origin)
    {
        var entries = new Dictionary<string, YamlEntry>(StringComparer.Ordinal);
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            var start = _parser.Current?.Start ?? Mark.Empty;
            if (ReadNode() is not YamlScalar key)
                throw Refuse(start, "a list or a section stands where a key should");
            if (!entries.TryAdd(key.Text, new YamlEntry(key.Origin, ReadNode())))
                throw new HorizonException($"{key.Origin.Place}: the key '{Quoting.OneLine(key.Text)}' stands here for a second time; keep one of them.");
        }
        return new YamlMap(entries, origin);
    }

    private Origin At(Mark mark) => new(Place(mark), _baseDirectory);

    private string Place(Mark mark) => _namesLines ? $"{_name}:{Math.Min(mark.Line, _lineCount)}" : _name;

    private HorizonException Refuse(Mark mark, string what, Exception? cause = null)
    {
        var message = $"{Place(mark)}: {what.TrimEnd('.')}.";
        return cause is null ? new HorizonException(message) : new HorizonException(message, cause);
    }
}
