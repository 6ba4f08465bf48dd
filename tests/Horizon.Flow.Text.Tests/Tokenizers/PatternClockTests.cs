using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Tests;

public class PatternClockTests
{
    private const string Tokenizer = """
        {"model":{"vocab":{"a":0,"b":1},"merges":[]},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"a"},"behavior":"Isolated"},
        "normalizer":{"type":"Replace","pattern":{"Regex":"c"},"content":"b"},"decoder":{"type":"Replace","pattern":{"Regex":"b"},"content":"a"}}
        """;

    /// <summary>Slow at every match, yet within the limit of one match: in all it is too much, soon, and for every text after that.</summary>
    [Fact]
    public void Encode_PatternSlowAtEveryMatch_IsRefusedForItsTimeInAll()
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", Tokenizer);
        var time = new SteppingTime(TimeSpan.FromMilliseconds(300));
        var tokenizer = HuggingFaceTokenizer.Load(folder.Path, time);
        var texts = 0;
        var error = Assert.Throws<HorizonException>(() =>
        {
            for (; texts < 1000; texts++) tokenizer.Encode("abcab", addSpecialTokens: false);
        });
        Assert.Contains("tokenizer.json is damaged or hostile", error.Message, StringComparison.Ordinal);
        Assert.InRange(texts, 1, 20);
        Assert.Throws<HorizonException>(() => tokenizer.Encode("a", addSpecialTokens: false));
        Assert.Throws<HorizonException>(() => tokenizer.Decode([0, 1], skipSpecialTokens: false));
    }

    /// <summary>A crowded machine makes patterns some hundred times as slow as they are; that is no hostile file.</summary>
    [Fact]
    public void Encode_HonestPatternOnACrowdedMachine_IsNeverRefused()
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", Tokenizer);
        var tokenizer = HuggingFaceTokenizer.Load(folder.Path, new SteppingTime(TimeSpan.FromMicroseconds(10)));
        var text = string.Concat(Enumerable.Repeat("abcab", 1000));
        for (var i = 0; i < 200; i++) Assert.NotEmpty(tokenizer.Encode(text, addSpecialTokens: false));
    }

    /// <summary>Each look at it finds it so much later.</summary>
    private sealed class SteppingTime(TimeSpan step) : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Add(ref _now, step.Ticks);
    }
}
