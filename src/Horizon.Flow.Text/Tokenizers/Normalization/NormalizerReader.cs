namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Reads the `normalizer` part of tokenizer.json.</summary>
internal static class NormalizerReader
{
    public static INormalizer? Read(JsonPart part, PatternClock clock) => part.IsNull ? null : ReadOne(part, clock);

    private static INormalizer ReadOne(JsonPart part, PatternClock clock) => part.Required("type").AsString() switch
    {
        "Sequence" => new SequenceNormalizer([.. part.Required("normalizers").Items().Select(one => ReadOne(one, clock))]),
        "NFC" => new CanonicalNormalizer(compose: true),
        "NFD" => new CanonicalNormalizer(compose: false),
        "Prepend" => new PrependNormalizer(part.Required("prepend").AsString()),
        "Replace" => new ReplaceNormalizer(PatternReader.Read(part.Required("pattern")), part.Optional("content").AsString(""), clock),
        "Strip" => new StripNormalizer(part.Optional("strip_left").AsBool(true), part.Optional("strip_right").AsBool(true)),
        var type => throw part.Error($"has the unknown type '{type}'; known are Sequence, NFC, NFD, Prepend, Replace and Strip."),
    };
}
