using System.Text.Json.Nodes;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Tests;

public class HuggingFaceTokenizerTests
{
    [Cases(300, Arbitrary = [typeof(UnicodeText)])]
    public bool EncodeDecode_AnyText_RoundTripsInNormalFormC(UnicodeText text) =>
        Data.Qwen.Decode(Data.Qwen.Encode(text.Value, addSpecialTokens: false), skipSpecialTokens: false)
        == new CanonicalNormalizer(compose: true).Normalize(new AlignedText(text.Value, 0)).Text;

    [Cases(300, Arbitrary = [typeof(UnicodeText)])]
    public bool EncodeDecode_AnyTextWithByteFallback_RoundTrips(UnicodeText text) =>
        Data.Stories.Decode(Data.Stories.Encode(text.Value, addSpecialTokens: true), skipSpecialTokens: true)
        == WithoutSpecial(text.Value.Replace('▁', ' '));

    [Cases(300, Arbitrary = [typeof(UnicodeText)])]
    public bool EncodeWithOffsets_AnyText_CoversEveryCharacterInOrder(UnicodeText text)
    {
        var covered = 0;
        foreach (var token in Data.Qwen.EncodeWithOffsets(text.Value, addSpecialTokens: false))
        {
            if (token.Start > covered || token.End < covered || token.End <= token.Start) return false;
            covered = token.End;
        }

        return covered == text.Value.Length;
    }

    [Cases(200, Arbitrary = [typeof(UnicodeText)])]
    public bool DecodeStream_AnyText_GivesTheDecodedTextPieceByPiece(UnicodeText text)
    {
        foreach (var tokenizer in new[] { Data.Qwen, Data.Stories })
        {
            var ids = tokenizer.Encode(text.Value, addSpecialTokens: false);
            var stream = new DecodeStream(tokenizer, skipSpecialTokens: false);
            var pieces = ids.Select(stream.Append).ToList();
            if (pieces.Exists(piece => piece.Length > 0 && char.IsHighSurrogate(piece[^1]))) return false;
            if (string.Concat(pieces) + stream.Flush() != tokenizer.Decode(ids, skipSpecialTokens: false)) return false;
        }

        return true;
    }

    [Fact]
    public void DecodeStream_CharacterOverSeveralTokens_ComesOutWhole()
    {
        var stream = new DecodeStream(Data.Qwen, skipSpecialTokens: true);
        var pieces = Data.Qwen.Encode("a😀b", addSpecialTokens: false).Select(stream.Append).Where(piece => piece.Length > 0);
        Assert.Equal(["a", "😀", "b"], pieces);
    }

    [Fact]
    public void Encode_HalfSurrogatePair_CountsAsReplacementCharacter() =>
        Assert.Equal(Data.Qwen.Encode("a\uFFFDb", false), Data.Qwen.Encode("a\uD83Db", false));

    [Fact]
    public void Load_SpecialTokens_AreKnown()
    {
        Assert.Equal((512, 1), (Data.Stories.VocabularySize, Data.Stories.BeginOfText));
        Assert.Equal([2], Data.Stories.EndOfText);
        Assert.Null(Data.Stories.ChatTemplate);
        Assert.Equal((2074, null), (Data.Qwen.VocabularySize, Data.Qwen.BeginOfText));
        Assert.Equal([2050], Data.Qwen.EndOfText);
    }

    [Fact]
    public void Decode_SkipSpecialTokens_LeavesThemOut()
    {
        var ids = Data.Qwen.Encode("<|im_start|>user\nhi<|im_end|>", addSpecialTokens: false);
        Assert.Equal("user\nhi", Data.Qwen.Decode(ids, skipSpecialTokens: true));
    }

    [Fact]
    public void Load_FolderWithoutTokenizer_SaysSo()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("tokenizer.json", Assert.Throws<HorizonException>(() => HuggingFaceTokenizer.Load(folder.Path)).Message);
    }

    [Theory]
    [InlineData("{", "not valid JSON")]
    [InlineData("[]", "must be an object")]
    [InlineData("{}", "model is missing")]
    [InlineData("""{"model":{"type":"Unigram"}}""", "model.type is 'Unigram'")]
    [InlineData("""{"model":{"vocab":{},"merges":[]}}""", "model.vocab is empty")]
    [InlineData("""{"model":{"vocab":{"a":"b"},"merges":[]}}""", "model.vocab.a must be a whole number")]
    [InlineData("""{"model":{"vocab":{"a":-1},"merges":[]}}""", "model.vocab.a must be a token id")]
    [InlineData("""{"model":{"vocab":{"a":0},"merges":["a"]}}""", "model.merges[0] must be two tokens")]
    [InlineData("""{"model":{"vocab":{"a":0},"merges":["a b"]}}""", "model.merges[0] names the token 'b'")]
    [InlineData("""{"model":{"vocab":{"a":0},"merges":[]},"normalizer":{"type":"Magic"}}""", "normalizer has the unknown type 'Magic'")]
    [InlineData("""{"model":{"vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"("}}}""", "pre_tokenizer.pattern.Regex is not a regular")]
    [InlineData("""{"model":{"vocab":{"a":0},"merges":[]},"decoder":{}}""", "decoder.type is missing")]
    [InlineData("""{"model":{"vocab":{"a":0},"merges":[]},"added_tokens":[{"id":1}]}""", "added_tokens[0].content is missing")]
    [InlineData("""{"model":{"vocab":{"a":0},"merges":[]},"post_processor":{"type":"TemplateProcessing","single":[]}}""", "post_processor.single leaves the text out")]
    public void Load_MalformedFile_NamesFileAndPart(string json, string complaint)
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("tokenizer.json", json);
        var message = Assert.Throws<HorizonException>(() => HuggingFaceTokenizer.Load(folder.Path)).Message;
        Assert.StartsWith(file, message, StringComparison.Ordinal);
        Assert.Contains(complaint, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("normalizer", "normalizers", "a", "aa", "characters of")]
    [InlineData("decoder", "decoders", "a", "aa", "characters of")]
    [InlineData("normalizer", "normalizers", "(a+)+$", "", "finds no end")]
    public void EncodeDecode_StepsThatDoubleTheTextOrNeverEnd_AreRefused(string part, string steps, string pattern, string content, string complaint)
    {
        var step = $$"""{"type":"Replace","pattern":{"Regex":"{{pattern}}"},"content":"{{content}}"}""";
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", $$$"""
            {"model":{"vocab":{"a":0,"!":1},"merges":[]},"{{{part}}}":{"type":"Sequence","{{{steps}}}":[{{{string.Join(',', Enumerable.Repeat(step, 60))}}}]}}
            """);
        var tokenizer = HuggingFaceTokenizer.Load(folder.Path);
        var error = Assert.Throws<HorizonException>(() => tokenizer.Decode(tokenizer.Encode(new string('a', 40) + "!", false), false));
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_IdsWithGaps_TakeNoRoom()
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", """{"model":{"vocab":{"a":16777215},"merges":[]}}""");
        var before = GC.GetAllocatedBytesForCurrentThread();
        var tokenizer = HuggingFaceTokenizer.Load(folder.Path);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 << 20);
        Assert.Equal((1 << 24, "a"), (tokenizer.VocabularySize, tokenizer.Decode([16777215, 3], false)));
    }

    /// <summary>To open a pipe or to read such a device would never end.</summary>
    [Fact]
    public void Load_LinkToADevice_IsRefused()
    {
        using var folder = new TemporaryFolder();
        File.CreateSymbolicLink(Path.Combine(folder.Path, "tokenizer.json"), "/dev/zero");
        Assert.Contains("leads out of its folder, to /dev/zero", Assert.Throws<HorizonException>(() => HuggingFaceTokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
        File.CreateSymbolicLink(Path.Combine(folder.Path, "data.jsonl"), "/dev/zero");
        var options = new DataOptions { Path = Path.Combine(folder.Path, "data.jsonl") };
        Assert.Contains("empty", Assert.Throws<HorizonException>(() => BatchSource.Open(options, Data.Stories, 512, 1, 1)).Message, StringComparison.Ordinal);
    }

    [Cases(150)]
    public void Load_MutatedFile_LoadsOrNamesTheFile(ushort which, ushort[] places, byte[] values)
    {
        var variants = Data.Json("variants.json").EnumerateObject().ToList();
        var root = JsonNode.Parse(variants[which % variants.Count].Value.GetProperty("tokenizer").GetRawText())!;
        foreach (var (place, value) in places.Zip(values)) Replace(root, place, Replacements[value % Replacements.Length]);
        using var folder = new TemporaryFolder();
        var file = folder.Write("tokenizer.json", root.ToJsonString().Replace("half a pair", "\\uD800", StringComparison.Ordinal));
        try
        {
            var tokenizer = HuggingFaceTokenizer.Load(folder.Path);
            tokenizer.Decode(tokenizer.Encode("hello <x> wörld  1", addSpecialTokens: true), skipSpecialTokens: false);
        }
        catch (HorizonException e)
        {
            Assert.StartsWith(file, e.Message, StringComparison.Ordinal);
        }
    }

    private static readonly string[] Replacements = ["null", "0", "-1", "2147483647", "1.5", "true", "\"\"", "\"a\"", "\"Sequence\"", "\"(\"", "[]", "{}", "[[]]", "\"half a pair\""];

    /// <summary>Puts another value in place of one outside the vocabulary's bulk.</summary>
    private static void Replace(JsonNode root, int place, string value)
    {
        var node = root;
        while (true)
        {
            var children = node switch
            {
                JsonObject map => map.Select(m => m.Key).Cast<object>().ToList(),
                JsonArray list => Enumerable.Range(0, list.Count).Cast<object>().ToList(),
                _ => [],
            };
            if (children.Count == 0) return;
            var key = children[place % children.Count];
            var child = key is string name ? node[name] : node[(int)key];
            place /= children.Count;
            if (child is JsonObject or JsonArray && place % 4 != 0)
            {
                node = child;
                continue;
            }

            if (key is string member) node[member] = JsonNode.Parse(value);
            else node[(int)key] = JsonNode.Parse(value);
            return;
        }
    }

    [Fact]
    public void Encode_LongWordOfOneLetter_GivesTokensOfAllOfIt()
    {
        var text = new string('a', 100_000);
        Assert.Equal(text, Data.Qwen.Decode(Data.Qwen.Encode(text, false), false));
    }

    /// <summary>Special tokens in a text are found as such, so skipping them takes them from the text.</summary>
    private static string WithoutSpecial(string text)
    {
        foreach (var token in (string[])["<unk>", "<s>", "</s>"])
            if (text.Contains(token, StringComparison.Ordinal)) throw new InvalidOperationException("The generator makes no special tokens.");
        return text;
    }
}
