namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// Cuts texts as the patterns of GPT-2, Llama 3, Qwen 2 and their like do, without a regular expression: every character is looked at once or twice. Each of these patterns matches
/// everywhere, so that its words lie one behind the other.
/// </summary>
/// <param name="anyCase">Whether 'S is cut off as 's is, and whether lines' ends are words of their own: the patterns since GPT-4's.</param>
/// <param name="mostDigits">Digits of a word.</param>
/// <param name="withMarks">Whether combining marks are of the letters.</param>
internal sealed class WordScanner(bool anyCase, int mostDigits, bool withMarks)
{
    private const string Endings = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string Rest = @"\s*[\r\n]+|\s+(?!\S)|\s+";

    private static readonly Dictionary<string, WordScanner> Known = new(StringComparer.Ordinal)
    {
        [PreTokenizerReader.Gpt2Pattern] = new WordScanner(anyCase: false, int.MaxValue, withMarks: false),
        [$@"{Endings}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{Rest}"] = new WordScanner(anyCase: true, 3, withMarks: false),
        [$@"{Endings}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{Rest}"] = new WordScanner(anyCase: true, 1, withMarks: false),
        [$@"{Endings}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{Rest}"] = new WordScanner(anyCase: true, 1, withMarks: true),
    };

    /// <summary>The patterns that have one.</summary>
    public static IEnumerable<string> Patterns => Known.Keys;

    /// <summary>The one that cuts as a pattern does; null for patterns that are not known.</summary>
    public static WordScanner? Of(string pattern) => Known.GetValueOrDefault(pattern);

    /// <summary>Gives start and end of the words, in order.</summary>
    public void Scan<T>(ReadOnlySpan<char> text, ref T sink)
        where T : struct, IMatchSink
    {
        for (var start = 0; start < text.Length;)
        {
            var end = anyCase ? Next(text, start) : NextOfGpt2(text, start);
            sink.Take(start, end);
            start = end;
        }
    }

    /// <summary>The last place where the words before and behind are those of two texts: behind the end of a line, before a letter.</summary>
    /// <returns>The place; 0 where there is none.</returns>
    public int LastCut(ReadOnlySpan<char> text)
    {
        for (var at = text.Length - 1; at > 1; at--)
        {
            at = text[..at].LastIndexOf('\n') + 1;
            // GPT-2's pattern parts white space before a word, so that there may be no more of it.
            if (at > 1 && char.IsAsciiLetter(text[at]) && (anyCase || !char.IsWhiteSpace(text[at - 2]))) return at;
        }

        return 0;
    }

    private int Next(ReadOnlySpan<char> text, int start)
    {
        var own = CharacterClasses.At(text, start, out var length);
        var second = start + length;
        if (own == CharacterClass.Letter) return EndOfLetters(text, second);
        if (own == CharacterClass.Number) return EndOfNumber(text, second);
        if (text[start] == '\'' && Ending(text, second) is > 0 and var ending) return second + ending;
        var next = second < text.Length ? CharacterClasses.At(text, second, out length) : CharacterClass.LineEnd;
        if (own != CharacterClass.LineEnd && second < text.Length && IsLetter(next)) return EndOfLetters(text, second + length);
        if (IsLetter(own)) return EndOfLetters(text, second);
        if (own == CharacterClass.Other || (own == CharacterClass.Mark && !withMarks)) return EndOfOthers(text, second);
        if (text[start] == ' ' && second < text.Length && IsOther(next)) return EndOfOthers(text, second + length);
        return EndOfSpaces(text, start, endsAtLines: true);
    }

    private int NextOfGpt2(ReadOnlySpan<char> text, int start)
    {
        if (text[start] == '\'' && Ending(text, start + 1) is > 0 and var ending) return start + 1 + ending;
        var first = text[start] == ' ' && start + 1 < text.Length ? start + 1 : start;
        var own = CharacterClasses.At(text, first, out var length);
        return own switch
        {
            CharacterClass.Letter => EndOfLetters(text, first + length),
            CharacterClass.Number => EndOfNumber(text, first + length),
            CharacterClass.Space or CharacterClass.LineEnd => EndOfSpaces(text, start, endsAtLines: false),
            _ => EndOfOthers(text, first + length),
        };
    }

    private bool IsLetter(CharacterClass one) => one == CharacterClass.Letter || (withMarks && one == CharacterClass.Mark);

    private bool IsOther(CharacterClass one) => one == CharacterClass.Other || (!withMarks && one == CharacterClass.Mark);

    private int EndOfLetters(ReadOnlySpan<char> text, int end)
    {
        var classes = CharacterClasses.OfUnits;
        while (end < text.Length)
        {
            if (classes[text[end]] == CharacterClass.Letter) end++;
            else if (IsLetter(CharacterClasses.At(text, end, out var length))) end += length;
            else break;
        }

        return end;
    }

    private int EndOfNumber(ReadOnlySpan<char> text, int end)
    {
        for (var digits = 1; digits < mostDigits && end < text.Length && CharacterClasses.At(text, end, out var length) == CharacterClass.Number; digits++) end += length;
        return end;
    }

    private int EndOfOthers(ReadOnlySpan<char> text, int end)
    {
        while (end < text.Length && IsOther(CharacterClasses.At(text, end, out var length))) end += length;
        while (anyCase && end < text.Length && text[end] is '\r' or '\n') end++;
        return end;
    }

    /// <summary>Of white space all up to the last end of a line in it; without one all but the last before a word, which goes with that.</summary>
    private static int EndOfSpaces(ReadOnlySpan<char> text, int start, bool endsAtLines)
    {
        var classes = CharacterClasses.OfUnits;
        var (end, line) = (start, 0);
        for (; end < text.Length && classes[text[end]] is CharacterClass.Space or CharacterClass.LineEnd; end++)
            if (endsAtLines && classes[text[end]] == CharacterClass.LineEnd) line = end + 1;
        if (line > 0) return line;
        return end < text.Length && end > start + 1 ? end - 1 : end;
    }

    /// <summary>How much of a text behind an apostrophe is cut off with it: s, t, re, ve, m, ll, d.</summary>
    private int Ending(ReadOnlySpan<char> text, int start)
    {
        if (start == text.Length) return 0;
        var first = Plain(text[start]);
        if (first is 's' or 't' or 'm' or 'd') return 1;
        if (first is not ('r' or 'v' or 'l') || start + 1 == text.Length) return 0;
        var second = Plain(text[start + 1]);
        return (first == 'l' ? second == 'l' : second == 'e') ? 2 : 0;
    }

    // The long s is a small one of S.
    private char Plain(char c) => !anyCase ? c : c == '\u017F' ? 's' : char.IsAsciiLetterUpper(c) ? (char)(c | 0x20) : c;
}
