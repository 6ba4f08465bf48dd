using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Tests;

/// <summary>Pre-tokenizers by the examples in the documentation and tests of Hugging Face's tokenizers (Rust).</summary>
public class SplittingTests
{
    [Theory]
    [InlineData("Removed", "the|final|countdown")]
    [InlineData("Isolated", "the|-|final|-|-|countdown")]
    [InlineData("MergedWithPrevious", "the-|final-|-|countdown")]
    [InlineData("MergedWithNext", "the|-final|-|-countdown")]
    [InlineData("Contiguous", "the|-|final|--|countdown")]
    public void Split_EachBehavior_CutsAsDocumented(string behavior, string expected)
    {
        var splitter = new SplitPreTokenizer(new CodePointRegex("-"), Enum.Parse<SplitBehavior>(behavior), invert: false, new PatternClock(TimeProvider.System));
        Assert.Equal(expected, Joined(splitter, "the-final--countdown"));
    }

    [Fact]
    public void Split_MetaspaceWithSeveralSpaces_KeepsEachSpaceApart() => Assert.Equal(
        "▁Hey|▁|▁|▁friend!",
        Joined(new MetaspacePreTokenizer('▁', PrependScheme.Always, split: true, new PatternClock(TimeProvider.System)), "Hey   friend!"));

    [Fact]
    public void Split_CharactersBeyondTheBasicPlane_CountAsLetters() => Assert.Equal(
        "a𝒜b|𠀀中|!",
        string.Join('|', Matches(@"[a-zA-Z\u0100]+|\p{Lo}+|[^\p{L}]", "a𝒜b𠀀中!")));

    [Fact]
    public void Find_SingleWordToken_NotInsideWords()
    {
        var finder = new AddedTokenFinder([(new AddedToken(7, "<w>", false, false, SingleWord: true, false, false), "<w>")]);
        Assert.Equal([(4, 7)], finder.Find("a<w> <w>").ConvertAll(f => (f.Start - 1, f.End - 1)));
    }

    private static IEnumerable<string> Matches(string pattern, string text)
    {
        var matches = new List<string>();
        new CodePointRegex(pattern).Matches(text, new PatternClock(TimeProvider.System).Watch(text.Length), (start, end) => matches.Add(text[start..end]));
        return matches;
    }

    private static string Joined(IPreTokenizer splitter, string text)
    {
        var pieces = new List<string>();
        splitter.Split(new Piece(new AlignedText(text, 0)), piece => pieces.Add(piece.Span.ToString()));
        return string.Join('|', pieces);
    }
}
