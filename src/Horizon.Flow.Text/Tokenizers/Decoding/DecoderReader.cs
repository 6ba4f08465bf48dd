namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Reads the `decoder` part of tokenizer.json.</summary>
internal static class DecoderReader
{
    public static IDecoder? Read(JsonPart part, PatternClock clock) => part.IsNull ? null : ReadOne(part, clock);

    private static IDecoder ReadOne(JsonPart part, PatternClock clock) => part.Required("type").AsString() switch
    {
        "Sequence" => new SequenceDecoder([.. part.Required("decoders").Items().Select(one => ReadOne(one, clock))]),
        "ByteLevel" => new ByteLevelDecoder(),
        "ByteFallback" => new ByteFallbackDecoder(),
        "Fuse" => new FuseDecoder(),
        "Replace" => new ReplaceDecoder(PatternReader.Read(part.Required("pattern")), part.Optional("content").AsString(""), clock),
        "Strip" => new StripDecoder(
            PatternReader.ReadCharacter(part.Required("content"), ' '),
            part.Required("start").AsId(),
            part.Required("stop").AsId()),
        "Metaspace" => new MetaspaceDecoder(
            PatternReader.ReadCharacter(part.Optional("replacement"), PreTokenizerReader.VisibleSpace),
            PreTokenizerReader.ReadScheme(part)),
        var type => throw part.Error(
            $"has the unknown type '{type}'; known are Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip and Metaspace."),
    };
}
