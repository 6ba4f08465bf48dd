using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Horizon.Flow.Text.Templates;

/// <summary>Text for HTML and for addresses, as Jinja's filters write it.</summary>
internal static partial class TemplateEscapes
{
    public static string Html(string text, TemplateBudget budget)
    {
        budget.Spend(6L * text.Length);
        var result = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            _ = c switch
            {
                '&' => result.Append("&amp;"),
                '<' => result.Append("&lt;"),
                '>' => result.Append("&gt;"),
                '"' => result.Append("&#34;"),
                '\'' => result.Append("&#39;"),
                _ => result.Append(c),
            };
        }

        return result.ToString();
    }

    /// <summary>A value for an address; a map, or a list of pairs, as a query.</summary>
    public static string Url(object? value, TemplateBudget budget)
    {
        var pairs = value switch
        {
            OrderedDictionary<string, object?> map => TemplateFilters.Items(map, budget),
            List<object?> list => list,
            _ => null,
        };
        if (pairs is null) return Quote(TemplateText.Print(value, budget), "/", budget);
        return string.Join('&', pairs.Select(pair => pair is List<object?> and [var key, var item]
            ? $"{Part(key)}={Part(item)}"
            : throw budget.Error("the filter 'urlencode' needs a text, a map or pairs")));

        string Part(object? part) => Quote(TemplateText.Print(part, budget), "", budget).Replace("%20", "+", StringComparison.Ordinal);
    }

    /// <summary>The words of a text.</summary>
    public static long WordCount(string text, TemplateBudget budget)
    {
        budget.Spend(4L * text.Length);
        return Word().Count(text);
    }

    /// <summary>At most so many characters, cut at a word, with an ending; a few more are let through.</summary>
    public static string Truncate(string text, long length, bool killWords, string end, long leeway, TemplateBudget budget)
    {
        budget.Spend(2L * text.Length);
        if (length < end.Length) throw budget.Error("the filter 'truncate' needs a length that its end fits into");
        if (text.Length <= length + leeway) return text;
        var cut = text[..(int)(length - end.Length)];
        if (killWords) return cut + end;
        var space = cut.LastIndexOf(' ');
        return (space >= 0 ? cut[..space] : cut) + end;
    }

    private static string Quote(string text, string safe, TemplateBudget budget)
    {
        budget.Spend(9L * text.Length);
        var result = new StringBuilder(text.Length);
        foreach (var b in Encoding.UTF8.GetBytes(text))
        {
            var c = (char)b;
            if (char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '~' || safe.Contains(c, StringComparison.Ordinal)) result.Append(c);
            else result.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
        }

        return result.ToString();
    }

    [GeneratedRegex(@"\w+", RegexOptions.CultureInvariant)]
    private static partial Regex Word();
}
