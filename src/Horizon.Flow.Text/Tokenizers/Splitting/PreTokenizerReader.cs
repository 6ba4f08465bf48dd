namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Reads the `pre_tokenizer` part of tokenizer.json.</summary>
internal static class PreTokenizerReader
{
    public const char VisibleSpace = '\u2581';

    public const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    public static IPreTokenizer? Read(JsonPart part, PatternClock clock) => part.IsNull ? null : ReadOne(part, clock);

    /// <summary>The `prepend_scheme` of Metaspace, or what its older `add_prefix_space` means.</summary>
    public static PrependScheme ReadScheme(JsonPart metaspace)
    {
        var scheme = metaspace.Optional("prepend_scheme");
        return scheme.AsString(metaspace.Optional("add_prefix_space").AsBool(true) ? "always" : "never") switch
        {
            "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            _ => throw scheme.Error("must be always, first or never."),
        };
    }

    private static IPreTokenizer ReadOne(JsonPart part, PatternClock clock) => part.Required("type").AsString() switch
    {
        "Sequence" => new SequencePreTokenizer([.. part.Required("pretokenizers").Items().Select(one => ReadOne(one, clock))]),
        "Split" => new SplitPreTokenizer(
            PatternReader.ReadCodePoints(part.Required("pattern")),
            ReadBehavior(part.Optional("behavior")),
            part.Optional("invert").AsBool(false),
            clock),
        "ByteLevel" => ReadByteLevel(part, clock),
        "Metaspace" => new MetaspacePreTokenizer(
            PatternReader.ReadCharacter(part.Optional("replacement"), VisibleSpace),
            ReadScheme(part),
            part.Optional("split").AsBool(true),
            clock),
        "Digits" => new SplitPreTokenizer(
            new CodePointRegex(@"\p{N}"),
            part.Optional("individual_digits").AsBool(false) ? SplitBehavior.Isolated : SplitBehavior.Contiguous,
            invert: false,
            clock),
        var type => throw part.Error(
            $"has the unknown type '{type}'; known are Sequence, Split, ByteLevel, Metaspace and Digits."),
    };

    // Spaces and words are cut as GPT-2 cuts them; the spelling in bytes is a step of its own.
    private static SequencePreTokenizer ReadByteLevel(JsonPart part, PatternClock clock)
    {
        var steps = new List<IPreTokenizer>();
        if (part.Optional("add_prefix_space").AsBool(true)) steps.Add(new PrefixSpacePreTokenizer());
        if (part.Optional("use_regex").AsBool(true)) steps.Add(new SplitPreTokenizer(new CodePointRegex(Gpt2Pattern), SplitBehavior.Isolated, invert: false, clock));
        return new SequencePreTokenizer([.. steps, new ByteSpellingPreTokenizer()]);
    }

    private static SplitBehavior ReadBehavior(JsonPart part) =>
        Enum.TryParse<SplitBehavior>(part.AsString("Isolated"), out var behavior) && Enum.IsDefined(behavior)
            ? behavior
            : throw part.Error($"must be one of {string.Join(", ", Enum.GetNames<SplitBehavior>())}.");
}
