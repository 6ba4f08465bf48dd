namespace Horizon.Flow.Text.Templates;

/// <summary>The functions that templates find; strftime_now is a variable, for it belongs to the conversation.</summary>
internal static class TemplateFunctions
{
    /// <summary>What there is, for messages.</summary>
    public const string Known = "namespace, dict, range, cycler, joiner, strftime_now and raise_exception";

    private const int LongestRange = 100_000;

    public static bool Has(string name) => name is "namespace" or "dict" or "range" or "cycler" or "joiner" or "raise_exception";

    public static object? Call(string name, List<object?> positional, Dictionary<string, object?> named, TemplateBudget budget)
    {
        switch (name)
        {
            case "namespace" or "dict":
                var members = new OrderedDictionary<string, object?>();
                foreach (var source in positional)
                {
                    if (source is not OrderedDictionary<string, object?> map) throw budget.Error($"'{name}' takes maps and names with values, not {TemplateText.Kind(source)}");
                    budget.SpendPieces(map.Count);
                    foreach (var (key, value) in map) members[key] = value;
                }

                budget.SpendPieces(named.Count);
                foreach (var (key, value) in named) members[key] = value;
                return name == "dict" ? members : new NamespaceValue(members);
            case "raise_exception":
                throw budget.Error($"the template refuses this conversation: {TemplateText.Print(Bind("message")["message"] ?? "", budget)}");
            case "range":
                if (named.Count > 0) throw budget.Error($"'range' has no argument '{named.Keys.First()}'");
                return Range(positional, budget);
            case "cycler":
                if (named.Count > 0) throw budget.Error($"'cycler' has no argument '{named.Keys.First()}'");
                return positional.Count > 0 ? new CyclerValue(positional) : throw budget.Error("'cycler' needs values");
            case "joiner":
                return new JoinerValue(Bind("sep").OptionalText("sep") ?? ", ");
            default:
                throw budget.Error($"there is no function '{name}'; known are {Known}");
        }

        TemplateArguments Bind(params ReadOnlySpan<string> parameters) => new($"'{name}'", positional, named, budget, parameters);
    }

    private static List<object?> Range(List<object?> arguments, TemplateBudget budget)
    {
        if (arguments.Count is < 1 or > 3 || arguments.Exists(a => a is not long)) throw budget.Error("range needs one to three whole numbers");
        var bounds = arguments.Select(a => (long)a!).ToList();
        var (start, stop, step) = bounds.Count == 1 ? (0, bounds[0], 1) : (bounds[0], bounds[1], bounds.Count > 2 ? bounds[2] : 1);
        if (step == 0) throw budget.Error("the step of range must not be 0");
        var count = Math.Max(0, Math.Ceiling(((double)stop - start) / step));
        if (count > LongestRange) throw budget.Error($"range gives more than {LongestRange} numbers");
        budget.SpendPieces((long)count);
        return [.. Enumerable.Range(0, (int)count).Select(i => (object?)(start + i * step))];
    }
}
