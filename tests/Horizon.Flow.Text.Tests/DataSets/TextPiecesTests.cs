using System.Text;
using System.Text.Json.Nodes;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Text.Tests;

/// <summary>A long text is read in pieces, and has the tokens that it has as a whole.</summary>
public class TextPiecesTests
{
    private static readonly string[] Parts =
        ["a", "Word", " two", "\n", "\n\n", " \n", "\r\n", "\t", "  ", "'s", "12", "e\u0301", "\u0301x", "\u00e9", "<|im_end|>", "<|endoftext|>", ".\n", "!", "\u4e2d", "\U0001f600", "\nB", "\nthe end"];

    private static readonly HuggingFaceTokenizer Gpt2 = LoadGpt2();

    [Cases(200)]
    public void FromPieces_AnyText_AsFromTheWhole(int seed, bool isGpt2)
    {
        var random = new Random(seed);
        var text = string.Concat(Enumerable.Range(0, random.Next(200)).Select(_ => Parts[random.Next(Parts.Length)]));
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "text.txt");
        File.WriteAllText(file, text);
        var tokenizer = isGpt2 ? Gpt2 : Data.Qwen;
        var builder = new DocumentBuilder(tokenizer, tokenizer.VocabularySize, TrainOn.Answers, default, new DataTally());
        List<string> pieces = [.. RecordReader.ReadPieces(file, builder.LastCut, characters: random.Next(1, 40))];
        Assert.NotNull(builder.LastCut);
        Assert.Equal(text, string.Concat(pieces));
        Assert.Equal(builder.FromText(text, file).InputIds, builder.FromPieces(pieces, file).SelectMany(ids => ids));
    }

    [Fact]
    public void ReadPieces_ManyLines_ManyPieces()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "text.txt");
        File.WriteAllText(file, string.Concat(Enumerable.Repeat("Some words of a line.\n", 1000)));
        Assert.InRange(RecordReader.ReadPieces(file, Data.Qwen.LastCut, characters: 100).Count(), 200, 300);
        Assert.Single(RecordReader.ReadPieces(file, null, characters: 100));
    }

    /// <summary>What breaks off in the middle leaves no document.</summary>
    [Fact]
    public void ReadPieces_NotUtf8InTheMiddle_IsBadAsAWhole()
    {
        using var folder = new TemporaryFolder();
        var (bad, good) = (Path.Combine(folder.Path, "a.txt"), Path.Combine(folder.Path, "b.txt"));
        File.WriteAllBytes(bad, [.. Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("Some words of a line.\n", 200_000))), 0xFF]);
        File.WriteAllText(good, "Good.");
        var set = DocumentSet.Read(new DataOptions { Path = folder.Path, MaxBadShare = 0.5, CacheFolder = null }, Data.Qwen, Data.Qwen.VocabularySize);
        Assert.Equal(Data.Qwen.Encode("Good.", addSpecialTokens: true), Assert.Single(set.Documents).InputIds.Take(Data.Qwen.Encode("Good.", addSpecialTokens: true).Count));
        Assert.Equal(1, set.BadRecords);
    }

    // The same words, cut by GPT-2's pattern.
    private static HuggingFaceTokenizer LoadGpt2()
    {
        using var folder = new TemporaryFolder();
        var root = JsonNode.Parse(File.ReadAllText(Path.Combine(Data.Folder("qwen3-mini-tokenizer"), "tokenizer.json")))!;
        root["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = true };
        folder.Write("tokenizer.json", root.ToJsonString());
        return HuggingFaceTokenizer.Load(folder.Path);
    }
}
