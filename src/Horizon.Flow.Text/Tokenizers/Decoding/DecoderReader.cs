namespace Horizon.Flow.Text;

/// <summary>Reads the `decoder` part of tokenizer.json.</summary>
internal static class DecoderReader
{
    public static IDecoder? Read(JsonPart part) => part.IsNull ? null : ReadOne(part);

    private static IDecoder ReadOne(JsonPart part) => part.Required("type").AsString() switch
    {
        "Sequence" => new SequenceDecoder([.. part.Required("decoders").Items().Select(ReadOne)]),
        "ByteLevel" => new ByteLevelDecoder(),
        "ByteFallback" => new ByteFallbackDecoder(),
        "Fuse" => new FuseDecoder(),
        "Replace" => new ReplaceDecoder(PatternReader.Read(part.Required("pattern")), part.Optional("content").AsString("")),
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
