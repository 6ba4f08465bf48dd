namespace Horizon.Flow.Text;

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
    public object? Attribute(string name) => name switch
    {
        "index" => (long)Index + 1,
        "index0" => (long)Index,
        "revindex" => (long)Items.Count - Index,
        "revindex0" => (long)Items.Count - Index - 1,
        "first" => Index == 0,
        "last" => Index == Items.Count - 1,
        "length" => (long)Items.Count,
        "previtem" => Index > 0 ? Items[Index - 1] : new UndefinedValue("loop.previtem"),
        "nextitem" => Index < Items.Count - 1 ? Items[Index + 1] : new UndefinedValue("loop.nextitem"),
        _ => new UndefinedValue($"loop.{name}"),
    };
}

/// <summary>A macro with the scope that it was defined in.</summary>
internal sealed record MacroValue(MacroStatement Definition, TemplateScope Scope);
