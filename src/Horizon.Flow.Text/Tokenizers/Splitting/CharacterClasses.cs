using System.Globalization;
using System.Text;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Finds the classes of characters.</summary>
internal static class CharacterClasses
{
    private static readonly CharacterClass[] Table = [.. Enumerable.Range(0, 1 << 16).Select(c => Find((char)c))];

    /// <summary>The class of each UTF-16 unit; of half a pair <see cref="CharacterClass.Other"/>.</summary>
    public static ReadOnlySpan<CharacterClass> OfUnits => Table;

    /// <summary>The class of the code point that begins at a place, and its length in units.</summary>
    public static CharacterClass At(ReadOnlySpan<char> text, int place, out int length)
    {
        length = 1;
        if (!char.IsSurrogate(text[place])) return Table[text[place]];
        Rune.DecodeFromUtf16(text[place..], out var rune, out var units);
        if (units == 1) return CharacterClass.Other;
        length = units;
        return Find(Rune.GetUnicodeCategory(rune));
    }

    private static CharacterClass Find(char c) => c is '\r' or '\n' ? CharacterClass.LineEnd : char.IsWhiteSpace(c) ? CharacterClass.Space : Find(char.GetUnicodeCategory(c));

    private static CharacterClass Find(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => CharacterClass.Letter,
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => CharacterClass.Mark,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharacterClass.Number,
        _ => CharacterClass.Other,
    };
}
