using Horizon.Flow.Tests.Shared;
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

    /// <summary>What is written by hand for a known pattern cuts as the pattern does.</summary>
    [Cases(300, Arbitrary = [typeof(UnicodeText)])]
    public void Scan_KnownPatterns_CutAsTheyMatch(UnicodeText text, int seed)
    {
        var random = new Random(seed);
        const string Hard = "  \t\r\n\n\u00a0\u2028\u0085'''sStTrReEvVmMlLdD\u017f\u212a!?.-_09\u00b2\u0660\u4e00\u00e9\u0301\u0903\u02b0\u200b";
        string[] far = ["\U0001d49c", "\U00020000", "\U0001f600", "\U0001d7d8", "\U0001e8d0"];
        var all = text.Value + string.Concat(Enumerable.Range(0, random.Next(60)).Select(_ => random.Next(12) == 0 ? far[random.Next(far.Length)] : Hard[random.Next(Hard.Length)].ToString()));
        Assert.All(WordScanner.Patterns, pattern => Assert.Equal(Matches(pattern, all, isGeneral: true), Matches(pattern, all)));
    }

    [Fact]
    public void Find_SingleWordToken_NotInsideWords()
    {
        var finder = new AddedTokenFinder([(new AddedToken(7, "<w>", false, false, SingleWord: true, false, false), "<w>")]);
        Assert.Equal([(4, 7)], finder.Find("a<w> <w>").ConvertAll(f => (f.Start - 1, f.End - 1)));
    }

    private static IEnumerable<string> Matches(string pattern, string text, bool isGeneral = false)
    {
        var matches = new List<string>();
        new CodePointRegex(pattern, isGeneral).Matches(text, new PatternClock(TimeProvider.System).Watch(text.Length), (start, end) => matches.Add(text[start..end]));
        return matches;
    }

    private static string Joined(IPreTokenizer splitter, string text)
    {
        var pieces = new List<string>();
        splitter.Split(new Piece(new AlignedText(text, 0)), piece => pieces.Add(piece.Span.ToString()));
        return string.Join('|', pieces);
    }
}
