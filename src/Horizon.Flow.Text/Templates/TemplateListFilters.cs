namespace Horizon.Flow.Text.Templates;

/// <summary>The filters that order, group and add up lists.</summary>
internal sealed class TemplateListFilters(TemplateBudget budget, TemplateEvaluator evaluator, TemplateOperators operators)
{
    public static bool Has(string name) => name is "dictsort" or "sort" or "min" or "max" or "sum" or "groupby" or "batch" or "slice";

    public object? Apply(string name, object? value, Func<string[], TemplateArguments> bind)
    {
        switch (name)
        {
            case "dictsort":
                var dictionary = bind(["case_sensitive", "by", "reverse"]);
                if (value is not OrderedDictionary<string, object?> map) throw budget.Error($"the filter 'dictsort' needs a map, not {TemplateText.Kind(value)}");
                if (dictionary.OptionalText("by") is not (null or "key" or "value")) throw dictionary.Needs("by", "'key' or 'value'");
                return Sorted(TemplateFilters.Items(map, budget), item => ((List<object?>)item!)[dictionary.OptionalText("by") == "value" ? 1 : 0], dictionary);
            case "sort":
                var sort = bind(["reverse", "case_sensitive", "attribute"]);
                return Sorted(evaluator.Enumerate(value), item => Keys(item, sort["attribute"]), sort);
            case "min" or "max":
                var best = bind(["case_sensitive", "attribute"]);
                var ordered = Sorted(evaluator.Enumerate(value), item => Keys(item, best["attribute"]), best);
                if (ordered.Count == 0) return new UndefinedValue("the best of nothing");
                if (name == "min") return ordered[0];
                // Of several greatest the first, as in Python.
                var top = Lowered(Keys(ordered[^1], best["attribute"]), best);
                return ordered.Find(item => operators.AreEqual(Lowered(Keys(item, best["attribute"]), best), top));
            case "sum":
                var sum = bind(["attribute", "start"]);
                return evaluator.Enumerate(value).Aggregate(
                    sum.Has("start") ? sum["start"] : 0L, (total, item) => operators.Binary("+", total, sum["attribute"] is { } path ? evaluator.Path(item, path) : item));
            case "groupby": return Grouped(value, bind(["attribute", "default", "case_sensitive"]));
            case "batch": return Batches(evaluator.Enumerate(value), bind(["linecount", "fill_with"]));
            default: return Slices(evaluator.Enumerate(value), bind(["slices", "fill_with"]));
        }
    }

    private List<object?> Sorted(List<object?> items, Func<object?, object?> key, TemplateArguments arguments)
    {
        budget.SpendPieces(items.Count);
        var keyed = items.ConvertAll(item => (Key: Lowered(key(item), arguments), Item: item));
        var comparer = Comparer<object?>.Create(operators.Order);
        var ordered = arguments.IsTrue("reverse") ? keyed.OrderByDescending(entry => entry.Key, comparer) : keyed.OrderBy(entry => entry.Key, comparer);
        try
        {
            return [.. ordered.Select(entry => entry.Item)];
        }
        catch (InvalidOperationException e) when (e.InnerException is HorizonException inner)
        {
            throw new HorizonException(inner.Message, inner);
        }
    }

    /// <summary>What is compared: the item, its attribute, or several attributes with commas between them.</summary>
    private object? Keys(object? item, object? attribute) => attribute switch
    {
        null => item,
        string names when names.Contains(',', StringComparison.Ordinal) => names.Split(',').Select(name => evaluator.Path(item, name.Trim())).ToList(),
        _ => evaluator.Path(item, attribute),
    };

    private object? Lowered(object? key, TemplateArguments arguments)
    {
        if (arguments.IsTrue("case_sensitive")) return key;
        if (key is List<object?> keys) return keys.ConvertAll(part => Lowered(part, arguments));
        if (key is not string text) return key;
        budget.Spend(2L * text.Length);
        return text.ToLowerInvariant();
    }

    private List<object?> Grouped(object? value, TemplateArguments arguments)
    {
        object? Key(object? item) => evaluator.Path(item, arguments["attribute"], arguments["default"]);

        var groups = new List<object?>();
        List<object?>? members = null;
        object? last = null;
        foreach (var item in Sorted(evaluator.Enumerate(value), Key, arguments))
        {
            var key = Lowered(Key(item), arguments);
            if (members is null || !operators.AreEqual(key, last)) groups.Add(new GroupValue(Key(item), members = []));
            members.Add(item);
            last = key;
        }

        budget.SpendPieces(groups.Count);
        return groups;
    }

    private List<object?> Batches(List<object?> items, TemplateArguments arguments)
    {
        if (arguments.OptionalWhole("linecount") is not (> 0 and < int.MaxValue and var size)) throw arguments.Needs("linecount", "a number of 1 or more");
        budget.SpendPieces(items.Count);
        var batches = items.Chunk((int)size).Select(batch => (object?)batch.ToList()).ToList();
        if (arguments["fill_with"] is { } fill && batches is [.., List<object?> rest]) Fill(rest, size - rest.Count, fill);
        return batches;
    }

    private List<object?> Slices(List<object?> items, TemplateArguments arguments)
    {
        if (arguments.OptionalWhole("slices") is not (> 0 and < 10_000 and var count)) throw arguments.Needs("slices", "a number from 1 to 10,000");
        budget.SpendPieces(items.Count + count);
        var slices = new List<object?>();
        for (int i = 0, at = 0; i < count; i++)
        {
            var length = (items.Count / (int)count) + (i < items.Count % count ? 1 : 0);
            var slice = items.GetRange(at, length);
            at += length;
            if (arguments["fill_with"] is { } fill && items.Count % count != 0 && i >= items.Count % count) Fill(slice, 1, fill);
            slices.Add(slice);
        }

        return slices;
    }

    private void Fill(List<object?> list, long count, object? fill)
    {
        budget.SpendItems(count);
        if (count > 100_000) throw budget.Error("a batch is filled with more than 100,000 items");
        list.AddRange(Enumerable.Repeat(fill, (int)count));
    }
}
