namespace Horizon.Flow.Text.Templates;

/// <summary>What Python's strings can do, paid for.</summary>
internal static class TemplateStrings
{
    public static string Capitalize(string text) => text.Length == 0 ? text : text[..1].ToUpperInvariant() + text[1..].ToLowerInvariant();

    public static string Title(string text) => string.Create(text.Length, text, static (target, source) =>
    {
        for (var i = 0; i < source.Length; i++)
            target[i] = i > 0 && char.IsLetter(source[i - 1]) ? char.ToLowerInvariant(source[i]) : char.ToUpperInvariant(source[i]);
    });

    /// <summary>The text without white space, or without the given characters, at its ends.</summary>
    public static string Trim(string text, string? characters, TemplateBudget budget, bool atStart = true, bool atEnd = true)
    {
        budget.Spend(text.Length);
        budget.Search(text.Length, 16L * characters?.Length ?? 0);
        var rest = text.AsSpan();
        if (atStart) rest = characters is null ? rest.TrimStart() : rest.TrimStart(characters);
        if (atEnd) rest = characters is null ? rest.TrimEnd() : rest.TrimEnd(characters);
        return rest.Length == text.Length ? text : rest.ToString();
    }

    /// <summary>Replaces the first occurrences, all of them where <paramref name="most"/> is negative.</summary>
    public static string Replace(string text, string old, string replacement, long most, TemplateBudget budget)
    {
        if (old.Length == 0) throw budget.Error("replace needs something to look for");
        budget.Search(text.Length, old.Length);
        budget.Spend((long)text.Length / old.Length * replacement.Length);
        if (most < 0) return text.Replace(old, replacement, StringComparison.Ordinal);
        var (result, done) = (new System.Text.StringBuilder(), 0);
        for (; most > 0 && text.IndexOf(old, done, StringComparison.Ordinal) is >= 0 and var at; most--, done = at + old.Length)
            result.Append(text, done, at - done).Append(replacement);
        return result.Append(text, done, text.Length - done).ToString();
    }

    /// <summary>The pieces between separators, or between stretches of white space; at most one more than <paramref name="most"/> where that is not negative.</summary>
    public static List<object?> Split(string text, string? separator, long most, TemplateBudget budget)
    {
        budget.Search(text.Length, separator?.Length ?? 1);
        if (separator is "") throw budget.Error("split needs something to look for");
        var pieces = new List<object?>();
        var done = 0;
        while (separator is null ? SkipSpace() : true)
        {
            budget.SpendPieces(1);
            var end = most >= 0 && pieces.Count >= most ? -1
                : separator is null ? FindSpace() : text.IndexOf(separator, done, StringComparison.Ordinal);
            pieces.Add(end < 0 ? text[done..] : text[done..end]);
            if (end < 0) break;
            done = end + (separator?.Length ?? 0);
        }

        return pieces;

        bool SkipSpace()
        {
            while (done < text.Length && char.IsWhiteSpace(text[done])) done++;
            return done < text.Length;
        }

        int FindSpace()
        {
            for (var i = done; i < text.Length; i++)
                if (char.IsWhiteSpace(text[i])) return i;
            return -1;
        }
    }

    /// <summary>The lines, as Python counts them, with or without their ends.</summary>
    public static List<string> Lines(string text, bool keepEnds, TemplateBudget budget)
    {
        budget.Spend(text.Length);
        var lines = new List<string>();
        for (var start = 0; start < text.Length;)
        {
            budget.SpendPieces(1);
            var length = text.AsSpan(start).IndexOfAny("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029");
            if (length < 0)
            {
                lines.Add(text[start..]);
                break;
            }

            var end = start + length;
            var next = end + (text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? 2 : 1);
            lines.Add(text[start..(keepEnds ? next : end)]);
            start = next;
        }

        return lines;
    }

    /// <summary>Indents lines, as Jinja's filter.</summary>
    public static string Indent(string text, string indentation, bool first, bool blank, TemplateBudget budget)
    {
        var lines = Lines(text + "\n", keepEnds: false, budget);
        budget.Spend((long)lines.Count * (indentation.Length + 1));
        var result = lines.Select((line, i) => (i == 0 ? first : blank || line.Length > 0) ? indentation + line : line);
        return string.Join('\n', result);
    }

    /// <summary>The text in the middle (center), at the left (ljust) or at the right (rjust) of so many characters.</summary>
    public static string Justify(string name, string text, long width, string fill, TemplateBudget budget)
    {
        if (fill.Length != 1) throw budget.Error($"'{name}' fills with one character");
        var room = width - text.Length;
        if (room <= 0) return text;
        if (room > WidestRoom) throw budget.Error($"'{name}' fills more than {WidestRoom} places");
        budget.Spend(width);
        // Python's own rounding: where one place is left over, it stands left for odd widths.
        var left = name switch { "ljust" => 0, "rjust" => room, _ => (room / 2) + (room & width & 1) };
        return new string(fill[0], (int)left) + text + new string(fill[0], (int)(room - left));
    }

    /// <summary>As <see cref="Split"/>, but counting from the end.</summary>
    public static List<object?> SplitBack(string text, string? separator, long most, TemplateBudget budget)
    {
        if (most < 0) return Split(text, separator, most, budget);
        var pieces = Split(Reversed(text), separator is null ? null : Reversed(separator), most, budget);
        budget.Spend(2L * text.Length);
        pieces.Reverse();
        return pieces.ConvertAll(piece => (object?)Reversed((string)piece!));
    }

    private const int WidestRoom = 1 << 16;

    private static string Reversed(string text) => string.Create(text.Length, text, static (target, source) =>
    {
        source.CopyTo(target);
        target.Reverse();
    });
}
