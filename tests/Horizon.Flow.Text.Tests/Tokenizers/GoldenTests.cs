namespace Horizon.Flow.Text.Tests;

/// <summary>Ids as @huggingface/tokenizers gives them.</summary>
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
    public void Decode_QwenIds_GivesNormalizedText()
    {
        foreach (var golden in Data.Json("qwen3-mini-tokenizer", "golden.json").GetProperty("mini").EnumerateArray())
        {
            var text = new string(golden.GetProperty("text").GetString()!);
            Assert.Equal(text.Replace("A\u030A", "\u00C5", StringComparison.Ordinal), Data.Qwen.Decode(Data.Ids(golden.GetProperty("ids")), skipSpecialTokens: false));
        }
    }

    [Fact]
    public void Encode_StoriesText_EqualsReference()
    {
        var golden = Data.Json("stories260K", "golden.json");
        var ids = Data.Ids(golden.GetProperty("shakespeare_ids"));
        var text = Data.Stories.Decode(ids, skipSpecialTokens: true);
        Assert.StartsWith("First Citizen:\nBefore we proceed", text, StringComparison.Ordinal);
        Assert.Equal(ids, Data.Stories.Encode(text, addSpecialTokens: true));
    }
}
