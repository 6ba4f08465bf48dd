namespace Horizon.Flow.Text;

/// <summary>The methods of strings and maps that templates call.</summary>
internal static class TemplateMethods
{
    public static object? Call(object? target, string name, List<object?> arguments, TemplateBudget budget) => target switch
    {
        string text => CallString(text, name, arguments, budget),
        OrderedDictionary<string, object?> map => CallMap(map, name, arguments, budget),
        UndefinedValue undefined => throw budget.Error($"'{undefined.Name}' is undefined, so it has no method '{name}'"),
        _ => throw budget.Error($"{TemplateText.Kind(target)} has no method '{name}'"),
    };

    public static string Replace(string text, string old, string replacement, TemplateBudget budget)
    {
        budget.Search(text.Length, old.Length);
        if (old.Length == 0) throw budget.Error("replace needs something to look for");
        budget.Spend((long)text.Length / old.Length * replacement.Length);
        return text.Replace(old, replacement, StringComparison.Ordinal);
    }

    public static string Capitalize(string text) => text.Length == 0 ? text : text[..1].ToUpperInvariant() + text[1..].ToLowerInvariant();

    public static string Title(string text) => string.Create(text.Length, text, static (target, source) =>
    {
        for (var i = 0; i < source.Length; i++)
            target[i] = i > 0 && char.IsLetter(source[i - 1]) ? char.ToLowerInvariant(source[i]) : char.ToUpperInvariant(source[i]);
    });

    private static object? CallString(string text, string name, List<object?> arguments, TemplateBudget budget)
    {
        budget.Spend(text.Length);
        switch (name)
        {
            case "strip": return Set() is { } both ? text.Trim(both) : text.Trim();
            case "lstrip": return Set() is { } left ? text.TrimStart(left) : text.TrimStart();
            case "rstrip": return Set() is { } right ? text.TrimEnd(right) : text.TrimEnd();
            case "startswith": return Any(part => text.StartsWith(part, StringComparison.Ordinal));
            case "endswith": return Any(part => text.EndsWith(part, StringComparison.Ordinal));
            case "upper": return text.ToUpperInvariant();
            case "lower": return text.ToLowerInvariant();
            case "title": return Title(text);
            case "capitalize": return Capitalize(text);
            case "replace": return Replace(text, Text(0), Text(1), budget);
            case "split": return Split();
            case "splitlines": return text.Split('\n').Select(line => (object?)line.TrimEnd('\r')).ToList();
            case "find":
                budget.Search(text.Length, Text(0).Length);
                return (long)text.IndexOf(Text(0), StringComparison.Ordinal);
            case "removeprefix": return text.StartsWith(Text(0), StringComparison.Ordinal) ? text[Text(0).Length..] : text;
            case "removesuffix": return text.EndsWith(Text(0), StringComparison.Ordinal) ? text[..^Text(0).Length] : text;
            default: throw budget.Error($"a string has no method '{name}' here");
        }

        string Text(int place) => place < arguments.Count && arguments[place] is string argument
            ? argument
            : throw budget.Error($"'{name}' needs a string as argument {place + 1}");

        char[]? Set()
        {
            if (arguments.Count == 0 || arguments[0] is null) return null;
            budget.Search(text.Length, Text(0).Length * 16L);
            return Text(0).ToCharArray();
        }

        bool Any(Func<string, bool> matches) => arguments is [List<object?> choices]
            ? choices.Exists(choice => choice is string part && matches(part))
            : matches(Text(0));

        List<object?> Split()
        {
            var limit = arguments.Count > 1 && arguments[1] is long times and >= 0 ? (int)Math.Min(times, int.MaxValue - 1) + 1 : int.MaxValue;
            budget.Spend(8L * text.Length);
            if (arguments.Count == 0 || arguments[0] is null)
                return [.. text.Split((char[]?)null, limit, StringSplitOptions.RemoveEmptyEntries)];
            if (Text(0).Length == 0) throw budget.Error("split needs something to look for");
            budget.Search(text.Length, Text(0).Length);
            return [.. text.Split(Text(0), limit)];
        }
    }

    private static object? CallMap(OrderedDictionary<string, object?> map, string name, List<object?> arguments, TemplateBudget budget)
    {
        budget.Spend(8L * map.Count);
        return name switch
        {
            "items" => TemplateFilters.Items(map),
            "keys" => map.Keys.Select(key => (object?)key).ToList(),
            "values" => map.Values.ToList(),
            "get" when arguments.Count is 1 or 2 && arguments[0] is string key =>
                map.TryGetValue(key, out var value) ? value : arguments.Count > 1 ? arguments[1] : null,
            _ => throw budget.Error($"a map has no method '{name}' with these arguments here"),
        };
    }
}
