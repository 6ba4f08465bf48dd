namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Reads the `pre_tokenizer` part of tokenizer.json.</summary>
internal static class PreTokenizerReader
{
    public const char VisibleSpace = '\u2581';

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
        "ByteLevel" => new ByteLevelPreTokenizer(
            part.Optional("add_prefix_space").AsBool(true), part.Optional("use_regex").AsBool(true), clock),
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

    private static SplitBehavior ReadBehavior(JsonPart part) =>
        Enum.TryParse<SplitBehavior>(part.AsString("Isolated"), out var behavior) && Enum.IsDefined(behavior)
            ? behavior
            : throw part.Error($"must be one of {string.Join(", ", Enum.GetNames<SplitBehavior>())}.");
}
