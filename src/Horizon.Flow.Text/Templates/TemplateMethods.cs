namespace Horizon.Flow.Text.Templates;

/// <summary>The methods of strings and maps that templates call.</summary>
internal static class TemplateMethods
{
    public static object? Call(object? target, string name, List<object?> positional, Dictionary<string, object?> named, TemplateOperators operators, TemplateBudget budget)
    {
        return SafeText.Plain(target) switch
        {
            string text when name == "format" => TemplateFormat.Braces(text, positional, named, budget),
            string text => CallString(text, name, Bind, budget),
            OrderedDictionary<string, object?> map => CallMap(map, name, Bind, budget),
            List<object?> list => CallList(list, name, Bind, operators, budget),
            CyclerValue cycler when name is "next" or "reset" => CallCycler(cycler, name, Bind),
            UndefinedValue undefined => throw budget.Error($"'{undefined.Name}' is undefined, so it has no method '{name}'"),
            _ => throw budget.Error($"{TemplateText.Kind(target)} has no method '{name}'"),
        };

        TemplateArguments Bind(params ReadOnlySpan<string> parameters) => new($"the method '{name}'", positional, named, budget, parameters);
    }

    private static object? CallCycler(CyclerValue cycler, string name, Binder bind)
    {
        bind();
        if (name == "next") return cycler.Next();
        cycler.Reset();
        return null;
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
            case "find": return Find(last: false);
            case "rfind": return Find(last: true);
            case "index" or "rindex":
                var found = Find(last: name == "rindex");
                return found >= 0 ? found : throw budget.Error($"the method '{name}' does not find what it looks for");
            case "count":
                var sub = bind("sub").Text("sub");
                budget.Search(text.Length, sub.Length);
                return sub.Length == 0 ? text.Length + 1L : (long)text.AsSpan().Count(sub);
            case "isdigit" or "isdecimal" or "isnumeric": return All(char.IsDigit);
            case "isalpha": return All(char.IsLetter);
            case "isalnum": return All(char.IsLetterOrDigit);
            case "isspace": return All(char.IsWhiteSpace);
            case "isupper":
                bind();
                return text.Any(char.IsUpper) && !text.Any(char.IsLower);
            case "islower":
                bind();
                return text.Any(char.IsLower) && !text.Any(char.IsUpper);
            case "istitle":
                bind();
                return text.Any(char.IsLetter) && TemplateStrings.Title(text) == text;
            case "swapcase":
                bind();
                return string.Concat(text.Select(c => char.IsUpper(c) ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c)));
            case "casefold":
                bind();
                return text.ToLowerInvariant();
            case "center" or "ljust" or "rjust":
                var justify = bind("width", "fillchar");
                return TemplateStrings.Justify(name, text, justify.OptionalWhole("width") ?? throw justify.Needs("width", "a whole number"), justify.OptionalText("fillchar") ?? " ", budget);
            case "zfill":
                var zeros = bind("width");
                var isSigned = text is ['-' or '+', ..];
                var digits = TemplateStrings.Justify("rjust", isSigned ? text[1..] : text, (zeros.OptionalWhole("width") ?? 0) - (isSigned ? 1 : 0), "0", budget);
                return isSigned ? text[0] + digits : digits;
            case "join":
                var parts = bind("iterable")["iterable"] as List<object?> ?? throw budget.Error("the method 'join' needs a list of strings");
                budget.Spend(parts.Sum(part => (long)((part as string)?.Length ?? 0) + text.Length));
                return string.Join(text, parts.Select(part => part as string ?? throw budget.Error("the method 'join' needs a list of strings")));
            case "partition" or "rpartition":
                var separator = bind("sep").Text("sep");
                if (separator.Length == 0) throw budget.Error($"the method '{name}' needs something to look for");
                budget.Search(text.Length, separator.Length);
                budget.SpendPieces(3);
                var at = name == "partition" ? text.IndexOf(separator, StringComparison.Ordinal) : text.LastIndexOf(separator, StringComparison.Ordinal);
                return new TemplateTuple(at >= 0 ? [text[..at], separator, text[(at + separator.Length)..]] : name == "partition" ? [text, "", ""] : ["", "", text]);
            case "upper" or "lower" or "title" or "capitalize":
                bind();
                return Change(name, text);
            case "replace":
                var replace = bind("old", "new", "count");
                return TemplateStrings.Replace(text, replace.Text("old"), replace.Text("new"), replace.OptionalWhole("count") ?? -1, budget);
            case "split":
                var split = bind("sep", "maxsplit");
                return TemplateStrings.Split(text, split.OptionalText("sep"), split.OptionalWhole("maxsplit") ?? -1, budget);
            case "rsplit":
                var back = bind("sep", "maxsplit");
                return TemplateStrings.SplitBack(text, back.OptionalText("sep"), back.OptionalWhole("maxsplit") ?? -1, budget);
            case "splitlines": return TemplateStrings.Lines(text, bind("keepends").IsTrue("keepends"), budget).ConvertAll(line => (object?)line);
            case "removeprefix":
                var prefix = bind("prefix").Text("prefix");
                return text.StartsWith(prefix, StringComparison.Ordinal) ? text[prefix.Length..] : text;
            case "removesuffix":
                var suffix = bind("suffix").Text("suffix");
                return text.EndsWith(suffix, StringComparison.Ordinal) ? text[..^suffix.Length] : text;
            default: throw budget.Error($"a string has no method '{name}' here");
        }

        bool All(Func<char, bool> holds)
        {
            bind();
            return text.Length > 0 && text.All(holds);
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

        long Find(bool last)
        {
            var arguments = bind("sub", "start", "end");
            var sub = arguments.Text("sub");
            budget.Search(text.Length, sub.Length);
            if (Stretch(arguments) is not var (start, end)) return -1;
            var at = last
                ? text.AsSpan(start, end - start).LastIndexOf(sub, StringComparison.Ordinal)
                : text.AsSpan(start, end - start).IndexOf(sub, StringComparison.Ordinal);
            return at < 0 ? -1 : start + at;
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
            case "copy":
                bind();
                budget.SpendItems(map.Count);
                return new OrderedDictionary<string, object?>(map);
            case "update" or "pop" or "popitem" or "setdefault" or "clear": throw Changes(name, budget);
            default: throw budget.Error($"a map has no method '{name}' here");
        }
    }

    private static object? CallList(List<object?> list, string name, Binder bind, TemplateOperators operators, TemplateBudget budget)
    {
        switch (name)
        {
            case "count":
                var counted = bind("value")["value"];
                return (long)list.Count(item => operators.AreEqual(item, counted));
            case "index":
                var sought = bind("value")["value"];
                return list.FindIndex(item => operators.AreEqual(item, sought)) is >= 0 and var at ? (long)at : throw budget.Error("the list does not hold what 'index' looks for");
            case "copy":
                bind();
                budget.SpendItems(list.Count);
                return list.ToList();
            case "append" or "extend" or "insert" or "pop" or "remove" or "reverse" or "sort" or "clear": throw Changes(name, budget);
            default: throw budget.Error($"a list has no method '{name}' here");
        }
    }

    // Hugging Face renders in a sandbox where values cannot change.
    private static HorizonException Changes(string name, TemplateBudget budget) =>
        budget.Error($"'{name}' would change a value, which chat templates may not; make a new one, as in 'list + [item]'");
}
