namespace Horizon.Flow.Text.Templates;

/// <summary>
/// The values of a template are null, bool, long, double, string, <see cref="List{T}"/> and
/// <see cref="OrderedDictionary{TKey,TValue}"/> of such values, and the ones in this file.
/// </summary>
internal sealed record UndefinedValue(string Name);

/// <summary>What `namespace(...)` gives: attributes that loops may set.</summary>
internal sealed record NamespaceValue(OrderedDictionary<string, object?> Members);

/// <summary>The variable `loop` inside a loop.</summary>
internal sealed record LoopValue(List<object?> Items, int Index)
{
    public int Depth { get; init; }

    /// <summary>The loop itself, where it may be called with other items.</summary>
    public (ForStatement Loop, TemplateScope Scope)? Recursion { get; init; }

    /// <summary>What `loop.changed` compares with.</summary>
    public ChangedValue? Changes { get; init; }

    public object? Attribute(string name) => name switch
    {
        "index" => (long)Index + 1,
        "index0" => (long)Index,
        "revindex" => (long)Items.Count - Index,
        "revindex0" => (long)Items.Count - Index - 1,
        "first" => Index == 0,
        "last" => Index == Items.Count - 1,
        "length" => (long)Items.Count,
        "depth" => (long)Depth + 1,
        "depth0" => (long)Depth,
        "previtem" => Index > 0 ? Items[Index - 1] : new UndefinedValue("loop.previtem"),
        "nextitem" => Index < Items.Count - 1 ? Items[Index + 1] : new UndefinedValue("loop.nextitem"),
        _ => new UndefinedValue($"loop.{name}"),
    };
}

/// <summary>A macro with the scope that it was defined in.</summary>
internal sealed record MacroValue(MacroStatement Definition, TemplateScope Scope);

/// <summary>The value that a loop's `changed` saw last.</summary>
internal sealed class ChangedValue
{
    public List<object?>? Last { get; set; }
}

/// <summary>A function of every template, by its name.</summary>
internal sealed record FunctionValue(string Name);

/// <summary>`strftime_now`: the moment that the template may write.</summary>
internal sealed record ClockValue(DateTime Now);

/// <summary>What `joiner(text)` gives: nothing when called first, then the text.</summary>
internal sealed class JoinerValue(string text)
{
    private bool _isUsed;

    public string Next()
    {
        if (_isUsed) return text;
        _isUsed = true;
        return "";
    }
}

/// <summary>What `cycler(a, b, …)` gives: one value after the other, in a circle.</summary>
internal sealed class CyclerValue(List<object?> items)
{
    private int _at;

    public object? Current => items[_at];

    public object? Next()
    {
        var current = Current;
        _at = (_at + 1) % items.Count;
        return current;
    }

    public void Reset() => _at = 0;
}

/// <summary>What `groupby` gives: a pair of the value and the items that have it, also by the names grouper and list.</summary>
internal sealed class GroupValue(object? grouper, List<object?> items) : TemplateTuple([grouper, items]);

/// <summary>What the filter `safe` gives: text to which other text is added (+) with its HTML escaped. Jinja does so though nothing else is escaped.</summary>
internal sealed record SafeText(string Text)
{
    /// <summary>A plain string where this is one.</summary>
    public static object? Plain(object? value) => value is SafeText safe ? safe.Text : value;
}
