namespace Horizon.Flow.Text;

/// <summary>The methods of strings and maps that templates call.</summary>
internal static class TemplateMethods
{
    public static object? Call(object? target, string name, List<object?> positional, Dictionary<string, object?> named, TemplateBudget budget)
    {
        return target switch
        {
            string text => CallString(text, name, Bind, budget),
            OrderedDictionary<string, object?> map => CallMap(map, name, Bind, budget),
            UndefinedValue undefined => throw budget.Error($"'{undefined.Name}' is undefined, so it has no method '{name}'"),
            _ => throw budget.Error($"{TemplateText.Kind(target)} has no method '{name}'"),
        };

        TemplateArguments Bind(params ReadOnlySpan<string> parameters) => new($"the method '{name}'", positional, named, budget, parameters);
    }

    private delegate TemplateArguments Binder(params ReadOnlySpan<string> parameters);

    private static object? CallString(string text, string name, Binder bind, TemplateBudget budget)
    {
        budget.Spend(text.Length);
        switch (name)
        {
            case "strip": return TemplateStrings.Trim(text, bind("chars").OptionalText("chars"), budget);
            case "lstrip": return TemplateStrings.Trim(text, bind("chars").OptionalText("chars"), budget, atEnd: false);
            case "rstrip": return TemplateStrings.Trim(text, bind("chars").OptionalText("chars"), budget, atStart: false);
            case "startswith": return Affixed((part, stretch) => stretch.StartsWith(part, StringComparison.Ordinal));
            case "endswith": return Affixed((part, stretch) => stretch.EndsWith(part, StringComparison.Ordinal));
            case "find": return Find();
            case "upper" or "lower" or "title" or "capitalize":
                bind();
                return Change(name, text);
            case "replace":
                var replace = bind("old", "new", "count");
                return TemplateStrings.Replace(text, replace.Text("old"), replace.Text("new"), replace.OptionalWhole("count") ?? -1, budget);
            case "split":
                var split = bind("sep", "maxsplit");
                return TemplateStrings.Split(text, split.OptionalText("sep"), split.OptionalWhole("maxsplit") ?? -1, budget);
            case "splitlines": return TemplateStrings.Lines(text, bind("keepends").IsTrue("keepends"), budget).ConvertAll(line => (object?)line);
            case "removeprefix":
                var prefix = bind("prefix").Text("prefix");
                return text.StartsWith(prefix, StringComparison.Ordinal) ? text[prefix.Length..] : text;
            case "removesuffix":
                var suffix = bind("suffix").Text("suffix");
                return text.EndsWith(suffix, StringComparison.Ordinal) ? text[..^suffix.Length] : text;
            default: throw budget.Error($"a string has no method '{name}' here");
        }

        bool Affixed(Func<string, string, bool> matches)
        {
            var arguments = bind("part", "start", "end");
            if (Stretch(arguments) is not var (start, end)) return false;
            var stretch = start == 0 && end == text.Length ? text : text[start..end];
            if (arguments["part"] is not List<object?> choices) return matches(arguments.Text("part"), stretch);
            budget.SpendItems(choices.Count);
            budget.Spend(choices.Sum(choice => (long)((choice as string)?.Length ?? 0)));
            return choices.Exists(choice => matches(choice as string ?? throw arguments.Needs("part", "strings"), stretch));
        }

        long Find()
        {
            var arguments = bind("sub", "start", "end");
            var sub = arguments.Text("sub");
            budget.Search(text.Length, sub.Length);
            return Stretch(arguments) is var (start, end) ? text.IndexOf(sub, start, end - start, StringComparison.Ordinal) : -1;
        }

        // The stretch that is looked at, as in Python; none where it would end before it begins.
        (int Start, int End)? Stretch(TemplateArguments arguments)
        {
            var (start, end) = (arguments.OptionalWhole("start") ?? 0, arguments.OptionalWhole("end") ?? text.Length);
            start = Math.Max(0, start < 0 ? start + text.Length : start);
            end = Math.Clamp(end < 0 ? end + text.Length : end, 0, text.Length);
            return start <= end ? ((int)start, (int)end) : null;
        }
    }

    /// <summary>Changes the case of letters.</summary>
    public static string Change(string name, string text) => name switch
    {
        "upper" => text.ToUpperInvariant(),
        "lower" => text.ToLowerInvariant(),
        "title" => TemplateStrings.Title(text),
        _ => TemplateStrings.Capitalize(text),
    };

    private static object? CallMap(OrderedDictionary<string, object?> map, string name, Binder bind, TemplateBudget budget)
    {
        switch (name)
        {
            case "items":
                bind();
                return TemplateFilters.Items(map, budget);
            case "keys":
                bind();
                budget.SpendItems(map.Count);
                return map.Keys.Select(key => (object?)key).ToList();
            case "values":
                bind();
                budget.SpendItems(map.Count);
                return map.Values.ToList();
            case "get":
                var get = bind("key", "default");
                var key = get.Text("key");
                budget.LookUp(key);
                return map.TryGetValue(key, out var value) ? value : get["default"];
            default: throw budget.Error($"a map has no method '{name}' here");
        }
    }
}
