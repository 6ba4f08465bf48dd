using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// A regular expression over code points. .NET matches UTF-16 units, for which a character beyond U+FFFF is two surrogates and never
/// a letter; so such characters are matched through a stand-in: a single unit of the same general category.
/// </summary>
internal sealed class CodePointRegex
{
    private static readonly Dictionary<UnicodeCategory, char> StandIns = new()
    {
        [UnicodeCategory.UppercaseLetter] = '\u0100',
        [UnicodeCategory.LowercaseLetter] = '\u0101',
        [UnicodeCategory.TitlecaseLetter] = '\u01C5',
        [UnicodeCategory.ModifierLetter] = '\u02B0',
        [UnicodeCategory.OtherLetter] = '\u01BB',
        [UnicodeCategory.NonSpacingMark] = '\u0300',
        [UnicodeCategory.SpacingCombiningMark] = '\u0903',
        [UnicodeCategory.EnclosingMark] = '\u0488',
        [UnicodeCategory.DecimalDigitNumber] = '\u0660',
        [UnicodeCategory.LetterNumber] = '\u16EE',
        [UnicodeCategory.OtherNumber] = '\u00BC',
        [UnicodeCategory.Format] = '\u200B',
        [UnicodeCategory.PrivateUse] = '\uE000',
        [UnicodeCategory.ConnectorPunctuation] = '\u203F',
        [UnicodeCategory.DashPunctuation] = '\u058A',
        [UnicodeCategory.OpenPunctuation] = '\u0F3A',
        [UnicodeCategory.ClosePunctuation] = '\u0F3B',
        [UnicodeCategory.InitialQuotePunctuation] = '\u00AB',
        [UnicodeCategory.FinalQuotePunctuation] = '\u00BB',
        [UnicodeCategory.OtherPunctuation] = '\u055A',
        [UnicodeCategory.MathSymbol] = '\u00AC',
        [UnicodeCategory.CurrencySymbol] = '\u00A4',
        [UnicodeCategory.ModifierSymbol] = '\u02C2',
        [UnicodeCategory.OtherSymbol] = '\u00A6',
    };

    private readonly Regex? _regex;
    private readonly WordScanner? _scanner;

    /// <param name="pattern">The pattern.</param>
    /// <param name="isGeneral">Whether a pattern that is known is matched as any other.</param>
    /// <exception cref="ArgumentException">The pattern is not one that .NET can read.</exception>
    public CodePointRegex(string pattern, bool isGeneral = false)
    {
        _scanner = isGeneral ? null : WordScanner.Of(pattern);
        if (_scanner is not null) return;
        // U+017F folds to s in every other engine, not in .NET.
        pattern = pattern.Replace("(?i:'s|", "(?i:'[s\u017F]|", StringComparison.Ordinal);
        _regex = new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.Compiled, PatternReader.LongestMatch);
    }

    /// <summary>What cuts texts as the pattern does; null for patterns that are not known.</summary>
    public WordScanner? Scanner => _scanner;

    /// <summary>Gives start and end of the matches that are not empty, in order.</summary>
    public void Matches(ReadOnlySpan<char> text, PatternWatch watch, Action<int, int> give)
    {
        var sink = new Given(give);
        Matches(text, watch, ref sink);
    }

    /// <inheritdoc cref="Matches(ReadOnlySpan{char}, PatternWatch, Action{int, int})"/>
    public void Matches<T>(ReadOnlySpan<char> text, PatternWatch watch, ref T sink)
        where T : struct, IMatchSink
    {
        if (_regex is null)
        {
            _scanner!.Scan(text, ref sink);
            return;
        }

        if (text.IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
        {
            foreach (var match in _regex.EnumerateMatches(text))
            {
                watch.Matched();
                if (match.Length > 0) sink.Take(match.Index, match.Index + match.Length);
            }

            watch.Matched();
            return;
        }

        var units = new char[text.Length];
        var places = new int[text.Length + 1];
        var count = 0;
        for (var i = 0; i < text.Length;)
        {
            Rune.DecodeFromUtf16(text[i..], out var rune, out var length);
            places[count] = i;
            units[count++] = length == 1 ? text[i] : StandIns.GetValueOrDefault(Rune.GetUnicodeCategory(rune), '\u0378');
            i += length;
        }

        places[count] = text.Length;
        foreach (var match in _regex.EnumerateMatches(units.AsSpan(0, count)))
        {
            watch.Matched();
            if (match.Length > 0) sink.Take(places[match.Index], places[match.Index + match.Length]);
        }

        watch.Matched();
    }

    private readonly struct Given(Action<int, int> give) : IMatchSink
    {
        public void Take(int start, int end) => give(start, end);
    }
}
