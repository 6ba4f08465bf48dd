using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Horizon.Flow.Text.Templates;

/// <summary>Python's two ways to put values into a text: <c>"%s" % value</c> and <c>"{}".format(value)</c>.</summary>
internal static partial class TemplateFormat
{
    private const int Widest = 1000;

    public static string Percent(string format, object? value, TemplateBudget budget)
    {
        budget.Spend(format.Length);
        var values = value as TemplateTuple ?? new([value]);
        var (next, result, done) = (0, new StringBuilder(), 0);
        foreach (Match field in PercentField().Matches(format))
        {
            AddPlain(field.Index);
            done = field.Index + field.Length;
            var kind = field.Groups["kind"].Value;
            if (kind == "%")
            {
                result.Append('%');
                continue;
            }

            var item = field.Groups["key"] is { Success: true } key
                ? value is OrderedDictionary<string, object?> map && map.TryGetValue(key.Value, out var member) ? member : throw budget.Error($"'%' finds no '{key.Value}'")
                : next < values.Count ? values[next++] : throw budget.Error("'%' has fewer values than places");
            var flags = field.Groups["flags"].Value;
            if (flags.Contains('#', StringComparison.Ordinal)) throw budget.Error($"the flag '#' of '{field.Value}' is not known here");
            var text = Convert(item, kind[0], Number(field.Groups["precision"].Value, budget), budget);
            if (flags.AsSpan().IndexOfAny('+', ' ') >= 0 && "difeg".Contains(kind[0], StringComparison.Ordinal) && text[0] != '-')
                text = (flags.Contains('+', StringComparison.Ordinal) ? "+" : " ") + text;
            result.Append(Pad(text, Number(field.Groups["width"].Value, budget) ?? 0, flags.Contains('-', StringComparison.Ordinal) ? '<' : '>',
                flags.Contains('0', StringComparison.Ordinal) && kind[0] is not ('s' or 'r') ? '0' : ' ', budget));
        }

        AddPlain(format.Length);
        if (next < values.Count && value is not OrderedDictionary<string, object?>) throw budget.Error("'%' has more values than places");
        return result.ToString();

        void AddPlain(int end)
        {
            var plain = format.AsSpan(done, end - done);
            if (plain.Contains('%')) throw budget.Error("a '%' in the text stands before nothing known");
            result.Append(plain);
        }
    }

    public static string Braces(string format, List<object?> positional, Dictionary<string, object?> named, TemplateBudget budget)
    {
        budget.Spend(format.Length);
        var next = 0;
        var result = new StringBuilder();
        var done = 0;
        foreach (Match field in BraceField().Matches(format))
        {
            result.Append(format, done, field.Index - done);
            done = field.Index + field.Length;
            if (field.Value is "{{" or "}}")
            {
                result.Append(field.Value[0]);
                continue;
            }

            var name = field.Groups["name"].Value;
            object? item = null;
            var isThere = name.Length == 0 ? Place(next++) : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var place) ? Place(place) : named.TryGetValue(name, out item);
            if (!isThere) throw budget.Error($"'format' has no value for {field.Value}");
            result.Append(Spec(item, field.Groups["spec"].Value, budget));

            bool Place(int index)
            {
                item = index < positional.Count ? positional[index] : null;
                return index < positional.Count;
            }
        }

        return result.Append(format, done, format.Length - done).ToString();
    }

    private static string Spec(object? item, string spec, TemplateBudget budget)
    {
        if (spec.Length == 0) return Print(item, budget);
        var match = SpecText().Match(spec);
        if (!match.Success) throw budget.Error($"'format' does not know '{spec}'");
        var kind = match.Groups["kind"] is { Length: 1 } given ? given.Value[0] : item is string ? 's' : item is double ? 'g' : 'd';
        var text = Convert(item, kind, Number(match.Groups["precision"].Value, budget), budget);
        var align = match.Groups["align"] is { Length: 1 } side ? side.Value[0] : item is string ? '<' : '>';
        var fill = match.Groups["fill"] is { Length: 1 } character ? character.Value[0] : match.Groups["zero"].Length > 0 ? '0' : ' ';
        return Pad(text, Number(match.Groups["width"].Value, budget) ?? 0, align, fill, budget);
    }

    private static string Convert(object? item, char kind, int? precision, TemplateBudget budget)
    {
        switch (kind)
        {
            case 's' or 'r':
                var text = Print(kind == 'r' ? new List<object?> { item } : item, budget);
                if (kind == 'r') text = text[1..^1];
                return precision < text.Length ? text[..precision.Value] : text;
            case 'd' or 'i':
                return item switch
                {
                    long whole => whole.ToString(CultureInfo.InvariantCulture),
                    bool truth => truth ? "1" : "0",
                    double real when Math.Abs(real) < 1e18 => ((long)real).ToString(CultureInfo.InvariantCulture),
                    _ => throw Needs("a number"),
                };
            case 'x' or 'X' when item is long number and >= 0: return number.ToString(kind.ToString(), CultureInfo.InvariantCulture);
            case 'f' when Real() is { } real: return real.ToString($"F{precision ?? 6}", CultureInfo.InvariantCulture);
            case 'e' when Real() is { } real: return real.ToString($"0.{new string('0', precision ?? 6)}e+00", CultureInfo.InvariantCulture);
            case 'g' when Real() is { } real: return real.ToString($"G{Math.Max(1, precision ?? 6)}", CultureInfo.InvariantCulture);
            default: throw Needs("another value");
        }

        double? Real() => item switch { long whole => whole, double real => real, bool truth => truth ? 1 : 0, _ => null };

        HorizonException Needs(string what) => budget.Error($"the place '{kind}' of a text needs {what}, not {TemplateText.Kind(item)}");
    }

    private static string Pad(string text, int width, char align, char fill, TemplateBudget budget)
    {
        var room = width - text.Length;
        if (room <= 0) return text;
        budget.Spend(width);
        if (fill == '0' && align == '>' && text is ['-' or '+' or ' ', ..]) return text[0] + new string('0', room) + text[1..];
        var left = align switch { '<' => 0, '^' => room / 2, _ => room };
        return new string(fill, left) + text + new string(fill, room - left);
    }

    private static int? Number(string digits, TemplateBudget budget)
    {
        if (digits.Length == 0) return null;
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= Widest
            ? number : throw budget.Error($"a place of a text is wider than {Widest}");
    }

    private static string Print(object? item, TemplateBudget budget)
    {
        var text = TemplateText.Print(item, budget);
        budget.Spend(text.Length);
        return text;
    }

    [GeneratedRegex(@"%(\((?<key>[^()]*)\))?(?<flags>[-+0 #]*)(?<width>\d*)(\.(?<precision>\d+))?(?<kind>[sdirfegxX%])", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex PercentField();

    [GeneratedRegex(@"\{\{|\}\}|\{(?<name>\w*)(:(?<spec>[^{}]*))?\}", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex BraceField();

    [GeneratedRegex(@"^((?<fill>.)?(?<align>[<>^]))?(?<zero>0)?(?<width>\d*)(\.(?<precision>\d+))?(?<kind>[sdfegxX])?$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex SpecText();
}
