using System.Globalization;

namespace Horizon.Flow.Text;

/// <summary>What may stand after a bar.</summary>
internal sealed class TemplateFilters(TemplateBudget budget, TemplateEvaluator evaluator)
{
    public static List<object?> Items(OrderedDictionary<string, object?> map) =>
        [.. map.Select(entry => (object?)new List<object?> { entry.Key, entry.Value })];

    public object? Apply(string name, object? value, List<object?> arguments, Dictionary<string, object?> named)
    {
        switch (name)
        {
            case "trim" or "upper" or "lower" or "title" or "capitalize":
                return Change(name, Text());
            case "length" or "count": return Length();
            case "tojson":
                return TemplateText.ToJson(value, Argument(0, "indent") is long indent ? (int)Math.Clamp(indent, 0, 16) : null, budget);
            case "string": return TemplateText.Print(value, budget);
            case "safe": return value;
            case "default" or "d":
                var useOther = value is UndefinedValue || (Argument(1, "boolean") is true && !TemplateEvaluator.IsTrue(value));
                return useOther ? Argument(0, "default_value") ?? "" : value;
            case "join": return Join(TemplateText.Print(Argument(0, "d") ?? "", budget), Argument(1, "attribute") as string);
            case "items" when value is UndefinedValue: return new List<object?>();
            case "items": return value is OrderedDictionary<string, object?> map ? Items(map) : throw Needs("a map");
            case "list": return List().ToList();
            case "first": return List() is [var first, ..] ? first : new UndefinedValue("the first item of nothing");
            case "last": return List() is [.., var last] ? last : new UndefinedValue("the last item of nothing");
            case "reverse": return value is string text ? new string([.. text.Reverse()]) : List().AsEnumerable().Reverse().ToList();
            case "unique": return Unique();
            case "replace": return TemplateMethods.Replace(Text(), Text(0), Text(1), budget);
            case "indent": return Indent();
            case "int": return Whole();
            case "float": return value is string number && double.TryParse(number, CultureInfo.InvariantCulture, out var real) ? real : Number();
            case "abs" when value is long whole: return whole == long.MinValue ? throw Needs("a smaller number") : Math.Abs(whole);
            case "abs": return Math.Abs(Number());
            case "select" or "reject": return Choose(item => item, arguments, name == "select");
            case "selectattr" or "rejectattr":
                var attribute = Text(0);
                return Choose(item => evaluator.Member(item, attribute), arguments[1..], name == "selectattr");
            case "map": return Map();
            default: throw budget.Error($"there is no filter '{name}'");
        }

        HorizonException Needs(string what) => budget.Error($"the filter '{name}' needs {what}, not {TemplateText.Kind(value)}");

        object? Argument(int place, string key) => place < arguments.Count ? arguments[place] : named.GetValueOrDefault(key);

        string Text(int? place = null)
        {
            var text = place is null ? value : place < arguments.Count ? arguments[place.Value] : null;
            if (text is not string && place is not null) throw budget.Error($"the filter '{name}' needs a string as argument {place + 1}");
            if (text is not (string or long or double or bool)) throw Needs("a string");
            var printed = TemplateText.Print(text, budget);
            budget.Spend(printed.Length);
            return printed;
        }

        List<object?> List()
        {
            var list = evaluator.Enumerate(value);
            budget.Spend(8L * list.Count);
            return list;
        }

        long Length() => value switch
        {
            string text => text.EnumerateRunes().Count(),
            List<object?> list => list.Count,
            OrderedDictionary<string, object?> map => map.Count,
            UndefinedValue => 0,
            _ => throw Needs("a string, a list or a map"),
        };

        double Number() => value switch { long i => i, double d => d, bool b => b ? 1 : 0, _ => 0 };

        long Whole() => value switch
        {
            long i => i,
            bool b => b ? 1 : 0,
            double d when Math.Abs(d) < 1e18 => (long)d,
            string s when long.TryParse(s, CultureInfo.InvariantCulture, out var parsed) => parsed,
            _ => Argument(0, "default") as long? ?? 0,
        };

        string Join(string separator, string? attribute)
        {
            var parts = List().ConvertAll(item => TemplateText.Print(attribute is null ? item : evaluator.Member(item, attribute), budget));
            budget.Spend(parts.Sum(part => (long)part.Length + separator.Length));
            return string.Join(separator, parts);
        }

        string Indent()
        {
            var width = Argument(0, "width") is long columns ? (int)Math.Clamp(columns, 0, 64) : 4;
            var lines = Text().Split('\n');
            budget.Spend((long)lines.Length * width);
            for (var i = Argument(1, "first") is true ? 0 : 1; i < lines.Length; i++)
                if (lines[i].Length > 0) lines[i] = new string(' ', width) + lines[i];
            return string.Join('\n', lines);
        }

        List<object?> Unique()
        {
            var kept = new List<object?>();
            foreach (var item in List())
                if (!evaluator.Test(item, "in", [kept])) kept.Add(item);
            return kept;
        }

        List<object?> Choose(Func<object?, object?> select, List<object?> test, bool keep) => List().FindAll(item =>
            (test is [string testName, .. var rest]
                ? evaluator.Test(select(item), testName, rest)
                : TemplateEvaluator.IsTrue(select(item))) == keep);

        List<object?> Map()
        {
            if (named.GetValueOrDefault("attribute") is string member)
            {
                return List().ConvertAll(item =>
                {
                    var found = evaluator.Member(item, member);
                    return found is UndefinedValue && named.TryGetValue("default", out var other) ? other : found;
                });
            }

            var filter = Text(0);
            budget.Enter();
            var result = List().ConvertAll(item => Apply(filter, item, arguments[1..], []));
            budget.Leave();
            return result;
        }
    }

    private static string Change(string name, string text) => name switch
    {
        "trim" => text.Trim(),
        "upper" => text.ToUpperInvariant(),
        "lower" => text.ToLowerInvariant(),
        "title" => TemplateMethods.Title(text),
        _ => TemplateMethods.Capitalize(text),
    };
}
