namespace Horizon.Flow.Text.Templates;

/// <summary>The arguments of a call, bound to the names of its parameters as Python does. What fits none is an error, never ignored.</summary>
internal sealed class TemplateArguments
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);
    private readonly string _what;
    private readonly TemplateBudget _budget;

    /// <param name="what">What is called, for messages: the filter 'join'.</param>
    /// <param name="positional">Arguments by place.</param>
    /// <param name="named">Arguments by name.</param>
    /// <param name="budget">What the rendering may spend.</param>
    /// <param name="parameters">The names of the parameters, in their order.</param>
    public TemplateArguments(
        string what, List<object?> positional, Dictionary<string, object?> named, TemplateBudget budget, params ReadOnlySpan<string> parameters)
    {
        (_what, _budget) = (what, budget);
        if (positional.Count > parameters.Length)
            throw budget.Error($"{what} takes {(parameters.Length == 0 ? "no arguments" : $"at most {parameters.Length}: {string.Join(", ", parameters!)}")}");
        for (var i = 0; i < positional.Count; i++) _values[parameters[i]] = positional[i];
        foreach (var (name, value) in named)
        {
            if (!parameters.Contains(name)) throw budget.Error($"{what} has no argument '{name}'");
            if (!_values.TryAdd(name, value)) throw budget.Error($"{what} is given '{name}' twice");
        }
    }

    /// <summary>An argument; null where it is left out, as where it is none.</summary>
    public object? this[string parameter] => SafeText.Plain(_values.GetValueOrDefault(parameter));

    public bool Has(string parameter) => _values.ContainsKey(parameter);

    /// <summary>Whether an argument is given and counts as true.</summary>
    public bool IsTrue(string parameter) => TemplateEvaluator.IsTrue(this[parameter]);

    public string Text(string parameter) => OptionalText(parameter) ?? throw Needs(parameter, "a string");

    public string? OptionalText(string parameter) => this[parameter] switch
    {
        null => null,
        string text => text,
        _ => throw Needs(parameter, "a string"),
    };

    public long? OptionalWhole(string parameter) => this[parameter] switch
    {
        null => null,
        long whole => whole,
        _ => throw Needs(parameter, "a whole number"),
    };

    public HorizonException Needs(string parameter, string what) => _budget.Error($"{_what} needs {what} as '{parameter}'");
}
