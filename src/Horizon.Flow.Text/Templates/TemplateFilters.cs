using System.Globalization;

namespace Horizon.Flow.Text.Templates;

/// <summary>What may stand after a bar.</summary>
internal sealed class TemplateFilters(TemplateBudget budget, TemplateEvaluator evaluator, TemplateOperators operators)
{
    /// <summary>What an indentation may have; the field uses 2 and 4.</summary>
    private const int WidestIndent = 64;

    private readonly TemplateListFilters _lists = new(budget, evaluator, operators);

    public static List<object?> Items(OrderedDictionary<string, object?> map, TemplateBudget budget)
    {
        budget.SpendPieces(4L * map.Count);
        return [.. map.Select(entry => (object?)new TemplateTuple([entry.Key, entry.Value]))];
    }

    public object? Apply(string name, object? value, List<object?> positional, Dictionary<string, object?> named)
    {
        value = SafeText.Plain(value);
        if (value is UnseenText unseen) return unseen.Filter(name, positional.Count, named.Count);
        if (name is not ("default" or "d") && (positional.Exists(argument => argument is UnseenText) || named.Values.Any(argument => argument is UnseenText))) throw new SeenException();
        switch (name)
        {
            case "upper" or "lower" or "title" or "capitalize":
                Bind();
                return TemplateMethods.Change(name, Text());
            case "trim": return TemplateStrings.Trim(Text(), Bind("chars").OptionalText("chars"), budget);
            case "replace":
                var replace = Bind("s", "new", "count");
                return TemplateStrings.Replace(Text(), replace.Text("s"), replace.Text("new"), replace.OptionalWhole("count") ?? -1, budget);
            case "indent": return Indent();
            case "length" or "count":
                Bind();
                return Length();
            case "tojson": return ToJson();
            case "string":
                Bind();
                return TemplateText.Print(value, budget);
            case "safe":
                Bind();
                return new SafeText(Text());
            case "default" or "d":
                var other = Bind("default_value", "boolean");
                var useOther = value is UndefinedValue || (other.IsTrue("boolean") && !TemplateEvaluator.IsTrue(value));
                return !useOther ? value : other.Has("default_value") ? other["default_value"] : "";
            case "join": return Join();
            case "items":
                Bind();
                return value is UndefinedValue ? new List<object?>() : value is OrderedDictionary<string, object?> map ? Items(map, budget) : throw Needs("a map");
            case "list":
                Bind();
                return List().ToList();
            case "first":
                Bind();
                return List() is [var first, ..] ? first : new UndefinedValue("the first item of nothing");
            case "last":
                Bind();
                return List() is [.., var last] ? last : new UndefinedValue("the last item of nothing");
            case "reverse":
                Bind();
                return Reverse();
            case "unique": return Unique();
            case "int": return Whole();
            case "float": return Real();
            case "abs":
                Bind();
                return Absolute();
            case "select" or "reject": return Choose(item => item, positional, name == "select");
            case "selectattr" or "rejectattr":
                if (positional.Count == 0) throw budget.Error($"the filter '{name}' needs an attribute");
                return Choose(item => evaluator.Path(item, positional[0]), positional[1..], name == "selectattr");
            case "map": return Map();
            case "round": return Rounded();
            case "format":
                object? values = new TemplateTuple(positional);
                if (named.Count > 0) values = new OrderedDictionary<string, object?>(named);
                return TemplateFormat.Percent(Text(), values, budget);
            case "wordcount":
                Bind();
                return TemplateEscapes.WordCount(Text(), budget);
            case "center": return TemplateStrings.Justify(name, Text(), Bind("width").OptionalWhole("width") ?? 80, " ", budget);
            case "e" or "escape" or "forceescape":
                Bind();
                return TemplateEscapes.Html(Text(), budget);
            case "urlencode":
                Bind();
                return TemplateEscapes.Url(value, budget);
            case "attr":
                var member = Bind("name").Text("name");
                return value is NamespaceValue or LoopValue ? evaluator.Member(value, member) : new UndefinedValue(member);
            case "truncate":
                var cut = Bind("length", "killwords", "end", "leeway");
                return TemplateEscapes.Truncate(
                    Text(), cut.OptionalWhole("length") ?? 255, cut.IsTrue("killwords"), cut.OptionalText("end") ?? "...", cut.OptionalWhole("leeway") ?? 5, budget);
            default:
                if (!TemplateListFilters.Has(name)) throw budget.Error($"there is no filter '{name}'");
                return _lists.Apply(name, value, parameters => Bind(parameters));
        }

        TemplateArguments Bind(params ReadOnlySpan<string> parameters) => new($"the filter '{name}'", positional, named, budget, parameters);

        HorizonException Needs(string what) => budget.Error($"the filter '{name}' needs {what}, not {TemplateText.Kind(value)}");

        // What is no string is printed, and what is undefined is empty, as in Jinja.
        string Text()
        {
            var text = TemplateText.Print(value, budget);
            budget.Spend(text.Length);
            return text;
        }

        List<object?> List()
        {
            var list = evaluator.Enumerate(value);
            budget.SpendItems(list.Count);
            return list;
        }

        long Length()
        {
            if (value is not string text)
                return value switch
                {
                    List<object?> list => list.Count,
                    OrderedDictionary<string, object?> map => map.Count,
                    UndefinedValue => 0,
                    _ => throw Needs("a string, a list or a map"),
                };
            budget.Spend(text.Length);
            return text.EnumerateRunes().Count();
        }

        string ToJson()
        {
            var json = Bind("ensure_ascii", "indent", "separators", "sort_keys");
            var width = json.OptionalWhole("indent");
            if (width is < 0 or > WidestIndent) throw json.Needs("indent", $"a number from 0 to {WidestIndent}");
            var separators = json["separators"] switch
            {
                null => width is null ? (", ", ": ") : (",", ": "),
                List<object?> and [string items, string keys] => (items, keys),
                _ => throw json.Needs("separators", "two strings"),
            };
            return new TemplateJson(budget, (int?)width, separators, json.IsTrue("sort_keys"), json.IsTrue("ensure_ascii")).Write(value);
        }

        string Join()
        {
            var join = Bind("d", "attribute");
            var separator = TemplateText.Print(join.Has("d") ? join["d"] : "", budget);
            var parts = List().ConvertAll(item => TemplateText.Print(join["attribute"] is { } path ? evaluator.Path(item, path) : item, budget));
            budget.Spend(parts.Sum(part => (long)part.Length + separator.Length));
            return string.Join(separator, parts);
        }

        string Indent()
        {
            var indent = Bind("width", "first", "blank");
            var indentation = indent["width"] switch
            {
                null => "    ",
                string given => given,
                long columns and >= 0 and <= WidestIndent => new string(' ', (int)columns),
                _ => throw indent.Needs("width", $"a string, or a number from 0 to {WidestIndent}"),
            };
            return TemplateStrings.Indent(value as string ?? throw Needs("a string"), indentation, indent.IsTrue("first"), indent.IsTrue("blank"), budget);
        }

        object Reverse()
        {
            if (value is not string text)
            {
                List<object?> copy = [.. List()];
                copy.Reverse();
                return copy;
            }

            budget.Spend(2L * text.Length);
            return string.Create(text.Length, text, static (target, source) =>
            {
                source.CopyTo(target);
                target.Reverse();
                for (var i = 1; i < target.Length; i++)
                    if (char.IsSurrogatePair(target[i], target[i - 1])) (target[i - 1], target[i]) = (target[i], target[i - 1]);
            });
        }

        List<object?> Unique()
        {
            var unique = Bind("case_sensitive", "attribute");
            var (kept, keys) = (new List<object?>(), new List<object?>());
            foreach (var item in List())
            {
                var key = unique["attribute"] is { } path ? evaluator.Path(item, path) : item;
                if (key is string text && !unique.IsTrue("case_sensitive"))
                {
                    budget.Spend(2L * text.Length);
                    key = text.ToLowerInvariant();
                }

                if (evaluator.Test(key, "in", [keys])) continue;
                keys.Add(key);
                kept.Add(item);
            }

            return kept;
        }

        object? Whole()
        {
            var whole = Bind("default", "base");
            if (whole.OptionalWhole("base") is not (null or 10)) throw whole.Needs("base", "10");
            if (value is string text) budget.Spend(4L * text.Length);
            return value switch
            {
                long i => i,
                bool b => b ? 1L : 0L,
                string s when long.TryParse(s, NumberStyles.Integer, CultureInfo.InvariantCulture, out var parsed) => parsed,
                string s when ParseReal(s) is { } real && Math.Abs(real) < 1e18 => (long)real,
                double d when Math.Abs(d) < 1e18 => (long)d,
                _ => whole.Has("default") ? whole["default"] : 0L,
            };
        }

        object? Real()
        {
            var real = Bind("default");
            if (value is string text) budget.Spend(4L * text.Length);
            return value switch
            {
                long or double or bool => Convert.ToDouble(value, CultureInfo.InvariantCulture),
                string s when ParseReal(s) is { } parsed => parsed,
                _ => real.Has("default") ? real["default"] : 0.0,
            };
        }

        object Rounded()
        {
            var round = Bind("precision", "method");
            if (value is not (long or double or bool)) throw Needs("a number");
            var number = Convert.ToDouble(value, CultureInfo.InvariantCulture);
            if (round.OptionalWhole("precision") is not (null or >= 0 and <= 15)) throw round.Needs("precision", "a number from 0 to 15");
            var places = (int)(round.OptionalWhole("precision") ?? 0);
            var scale = Math.Pow(10, places);
            return (round.OptionalText("method") ?? "common") switch
            {
                "common" when value is long or bool => value,
                // To the even neighbour of the exact value, as Python's round.
                "common" => double.Parse(number.ToString($"F{places}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) is var rounded
                    && places == 0 ? Math.Round(number, MidpointRounding.ToEven) : (object)rounded,
                "ceil" => Math.Ceiling(number * scale) / scale,
                "floor" => Math.Floor(number * scale) / scale,
                _ => throw round.Needs("method", "'common', 'ceil' or 'floor'"),
            };
        }

        object Absolute() => value switch
        {
            long.MinValue => throw Needs("a smaller number"),
            long whole => (object)Math.Abs(whole),
            bool truth => truth ? 1L : 0L,
            double real => Math.Abs(real),
            _ => throw Needs("a number"),
        };

        // What counts as false holds nothing to choose from, as in Jinja.
        List<object?> Choose(Func<object?, object?> select, List<object?> test, bool keep)
        {
            if (!TemplateEvaluator.IsTrue(value)) return [];
            if (named.Count > 0) throw budget.Error($"the filter '{name}' has no argument '{named.Keys.First()}'");
            if (test is not ([] or [string, ..])) throw budget.Error($"the filter '{name}' needs the name of a test");
            return List().FindAll(item => (test is [string testName, .. var rest]
                ? evaluator.Test(select(item), testName, rest)
                : TemplateEvaluator.IsTrue(select(item))) == keep);
        }

        List<object?> Map()
        {
            if (!TemplateEvaluator.IsTrue(value)) return [];
            if (named.ContainsKey("attribute"))
            {
                var map = Bind("attribute", "default");
                if (positional.Count > 0) throw budget.Error("the filter 'map' takes a filter or an attribute, not both");
                return List().ConvertAll(item => evaluator.Path(item, map["attribute"], map["default"]));
            }

            if (positional is not [string filter, .. var rest]) throw budget.Error("the filter 'map' needs the name of a filter, or an attribute");
            budget.Enter();
            var result = List().ConvertAll(item => Apply(filter, item, rest, named));
            budget.Leave();
            return result;
        }
    }

    private static double? ParseReal(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) ? real : null;
}
