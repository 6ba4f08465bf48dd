using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Tests;

/// <summary>Ids and texts as @huggingface/tokenizers gives them.</summary>
public class GoldenTests
{
    [Fact]
    public void Encode_QwenTexts_EqualReference()
    {
        foreach (var golden in Data.Json("qwen3-mini-tokenizer", "golden.json").GetProperty("mini").EnumerateArray())
        {
            var text = golden.GetProperty("text").GetString()!;
            Assert.Equal(Data.Ids(golden.GetProperty("ids")), Data.Qwen.Encode(text, addSpecialTokens: false));
        }
    }

    [Fact]
    public void Encode_StoriesText_EqualsReference()
    {
        var ids = Data.Ids(Data.Json("stories260K", "golden.json").GetProperty("shakespeare_ids"));
        var text = Data.Stories.Decode(ids, skipSpecialTokens: true);
        Assert.StartsWith("First Citizen:\nBefore we proceed", text, StringComparison.Ordinal);
        Assert.Equal(ids, Data.Stories.Encode(text, addSpecialTokens: true));
    }

    [Theory]
    [InlineData("qwen3-mini-tokenizer")]
    [InlineData("stories260K")]
    public void EncodeAndDecode_RandomTexts_EqualReference(string folder)
    {
        var tokenizer = HuggingFaceTokenizer.Load(Data.Folder(folder));
        foreach (var golden in Data.Json("fuzz.json").GetProperty(folder).EnumerateArray())
        {
            var text = golden.GetProperty("text").GetString()!;
            var ids = Data.Ids(golden.GetProperty("ids"));
            Assert.Equal(ids, tokenizer.Encode(text, addSpecialTokens: false));
            Assert.Equal(Data.Ids(golden.GetProperty("special")), tokenizer.Encode(text, addSpecialTokens: true));
            Assert.Equal(golden.GetProperty("decoded").GetString(), tokenizer.Decode(ids, skipSpecialTokens: false));
        }
    }

    public static TheoryData<string> Variants => [.. Data.Json("variants.json").EnumerateObject().Select(v => v.Name)];

    [Theory]
    [MemberData(nameof(Variants))]
    public void Encode_EachFeatureOfTokenizerJson_EqualsReference(string variant)
    {
        var golden = Data.Json("variants.json").GetProperty(variant);
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", golden.GetProperty("tokenizer").GetRawText());
        var tokenizer = HuggingFaceTokenizer.Load(folder.Path);
        foreach (var example in golden.GetProperty("texts").EnumerateArray())
        {
            var ids = tokenizer.Encode(example.GetProperty("text").GetString()!, addSpecialTokens: true);
            Assert.True(
                Data.Ids(example.GetProperty("ids")).SequenceEqual(ids),
                $"{variant} '{example.GetProperty("text").GetString()}': expected {example.GetProperty("ids")}, got [{string.Join(',', ids)}]");
        }
    }

    [Fact]
    public void Normalize_RandomMarks_EqualsReference()
    {
        foreach (var golden in Data.Json("nfc.json").EnumerateArray())
        {
            var text = new AlignedText(golden[0].GetString()!, 0);
            Assert.Equal(golden[1].GetString(), new CanonicalNormalizer(compose: true).Normalize(text).Text);
            Assert.Equal(golden[2].GetString(), new CanonicalNormalizer(compose: false).Normalize(text).Text);
        }
    }
}
