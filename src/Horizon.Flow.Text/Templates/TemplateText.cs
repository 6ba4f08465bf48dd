using System.Globalization;
using System.Text;

namespace Horizon.Flow.Text.Templates;

/// <summary>Values as text, as Python prints them.</summary>
internal static class TemplateText
{
    /// <summary>What a value is, for messages.</summary>
    public static string Kind(object? value) => value switch
    {
        null => "none",
        UndefinedValue undefined => $"the undefined '{undefined.Name}'",
        bool => "a truth value",
        long or double => "a number",
        string or SafeText => "a string",
        TemplateTuple => "a tuple",
        List<object?> => "a list",
        OrderedDictionary<string, object?> => "a map",
        _ => "an object",
    };

    /// <summary>The value as an output tag writes it.</summary>
    public static string Print(object? value, TemplateBudget budget)
    {
        if (SafeText.Plain(value) is string text) return text;
        var result = new StringBuilder();
        Represent(value, result, budget);
        return result.ToString();
    }

    /// <summary>A number as Python prints it: the shortest digits that read back, with an exponent below 1e-4 and from 1e16.</summary>
    public static string PrintReal(double value)
    {
        if (double.IsNaN(value)) return "nan";
        if (double.IsInfinity(value)) return value > 0 ? "inf" : "-inf";
        if (value == 0) return double.IsNegative(value) ? "-0.0" : "0.0";
        var sign = value < 0 ? "-" : "";
        var shortest = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture).Split('E');
        var digits = shortest[0].Replace(".", "", StringComparison.Ordinal).TrimStart('0');
        var point = shortest[0].IndexOf('.', StringComparison.Ordinal) is >= 0 and var at ? at : shortest[0].Length;
        if (shortest.Length > 1) point += int.Parse(shortest[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        else point -= shortest[0].Replace(".", "", StringComparison.Ordinal).Length - digits.Length; // leading zeros
        digits = digits.TrimEnd('0');
        var exponent = point - 1;
        if (exponent is < -4 or >= 16)
            return $"{sign}{digits[0]}{(digits.Length > 1 ? "." : "")}{digits[1..]}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        if (point <= 0) return $"{sign}0.{new string('0', -point)}{digits}";
        return point >= digits.Length ? $"{sign}{digits.PadRight(point, '0')}.0" : $"{sign}{digits[..point]}.{digits[point..]}";
    }

    private static void Represent(object? value, StringBuilder result, TemplateBudget budget, bool quoted = false)
    {
        budget.Enter();
        budget.Step();
        switch (value)
        {
            case null: result.Append("None"); break;
            case UndefinedValue: break;
            case bool b: result.Append(b ? "True" : "False"); break;
            case long i: result.Append(CultureInfo.InvariantCulture, $"{i}"); break;
            case double d: result.Append(PrintReal(d)); break;
            case SafeText safe: Represent(safe.Text, result, budget, quoted); break;
            case string text:
                budget.Spend(2L * text.Length);
                result.Append(quoted ? Quote(text) : text);
                break;
            case List<object?> list:
                result.Append(list is TemplateTuple ? '(' : '[');
                for (var i = 0; i < list.Count; i++)
                {
                    if (i > 0) result.Append(", ");
                    Represent(list[i], result, budget, quoted: true);
                }

                result.Append(list is not TemplateTuple ? "]" : list.Count == 1 ? ",)" : ")");
                break;
            case OrderedDictionary<string, object?> map:
                result.Append('{');
                for (var i = 0; i < map.Count; i++)
                {
                    var (key, item) = map.GetAt(i);
                    if (i > 0) result.Append(", ");
                    budget.Spend(2L * key.Length);
                    result.Append(Quote(key)).Append(": ");
                    Represent(item, result, budget, quoted: true);
                }

                result.Append('}');
                break;
            default: throw budget.Error("an object cannot be printed");
        }

        budget.Leave();
    }

    private static string Quote(string text)
    {
        var quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        var result = new StringBuilder(text.Length + 2).Append(quote);
        foreach (var c in text)
        {
            _ = c switch
            {
                '\n' => result.Append("\\n"),
                '\r' => result.Append("\\r"),
                '\t' => result.Append("\\t"),
                '\\' => result.Append("\\\\"),
                _ when c == quote => result.Append('\\').Append(c),
                _ when c < ' ' || c == 0x7F => result.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}"),
                _ => result.Append(c),
            };
        }

        return result.Append(quote).ToString();
    }
}
