using System.Buffers;
using System.Text;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Reads the `model` part of tokenizer.json.</summary>
internal static class BpeReader
{
    public static BpeModel Read(JsonPart model)
    {
        var type = model.Optional("type").AsString("BPE");
        if (type != "BPE")
            throw model.Required("type").Error($"is '{type}': only byte-pair encoding (BPE) is known; use a model with such a tokenizer.");
        foreach (var affix in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
            if (model.Optional(affix).AsString("").Length > 0) throw model.Optional(affix).Error("is not supported.");

        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (token, id) in model.Required("vocab").Members()) vocabulary[token] = id.AsId();
        if (vocabulary.Count == 0) throw model.Required("vocab").Error("is empty.");

        var unknown = Unknown(model.Optional("unk_token"), vocabulary);
        var bytes = model.Optional("byte_fallback").AsBool(false)
            ? Enumerable.Range(0, 256).Select(b => vocabulary.GetValueOrDefault($"<0x{b:X2}>", -1)).ToArray()
            : null;
        var symbols = new SymbolTable(vocabulary, bytes, unknown, model.Optional("fuse_unk").AsBool(false));

        var merges = new List<(int Left, int Right, int Id)>();
        var joints = new HashSet<long>();
        foreach (var merge in model.Required("merges").Items())
        {
            var (left, right) = Sides(merge);
            merges.Add((Id(left), Id(right), Id(left + right)));
            joints.Add(BpeModel.Pair(LastSymbol(left), FirstSymbol(right)));

            int Id(string token) => vocabulary.TryGetValue(token, out var id)
                ? id
                : throw merge.Error($"names the token '{token}', which model.vocab does not hold.");
        }

        return new BpeModel(vocabulary, new MergeTable(merges), joints, symbols, model.Optional("ignore_merges").AsBool(false));

        // The symbol at the edge of a token: a byte token is one by itself, others begin and end with characters.
        int FirstSymbol(string token) =>
            ByteFallbackDecoder.ByteOf(token) is null && Rune.DecodeFromUtf16(token, out var rune, out _) == OperationStatus.Done
                ? symbols.IdOf(rune) ?? vocabulary[token]
                : vocabulary[token];

        int LastSymbol(string token) =>
            ByteFallbackDecoder.ByteOf(token) is null && Rune.DecodeLastFromUtf16(token, out var rune, out _) == OperationStatus.Done
                ? symbols.IdOf(rune) ?? vocabulary[token]
                : vocabulary[token];
    }

    private static int? Unknown(JsonPart part, Dictionary<string, int> vocabulary)
    {
        if (part.IsNull) return null;
        return vocabulary.TryGetValue(part.AsString(), out var id)
            ? id
            : throw part.Error($"is '{part.AsString()}', which model.vocab does not hold.");
    }

    private static (string Left, string Right) Sides(JsonPart merge)
    {
        var sides = merge.IsString ? merge.AsString().Split(' ') : [.. merge.Items().Select(side => side.AsString())];
        return sides.Length == 2 && sides.All(side => side.Length > 0)
            ? (sides[0], sides[1])
            : throw merge.Error("must be two tokens, as \"a b\" or [\"a\", \"b\"].");
    }
}
