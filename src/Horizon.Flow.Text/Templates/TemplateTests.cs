namespace Horizon.Flow.Text;

/// <summary>What may stand after `is`.</summary>
internal static class TemplateTests
{
    public static bool Test(object? value, string name, List<object?> arguments, TemplateOperators operators, TemplateBudget budget)
    {
        return name switch
        {
            "defined" => value is not UndefinedValue,
            "undefined" => value is UndefinedValue,
            "none" => value is null,
            "string" => value is string,
            "mapping" => value is OrderedDictionary<string, object?>,
            "sequence" or "iterable" => value is string or List<object?> or OrderedDictionary<string, object?>,
            "number" => value is long or double or bool,
            "integer" => value is long,
            "float" => value is double,
            "boolean" => value is bool,
            "true" => value is true,
            "false" => value is false,
            "callable" => value is MacroValue,
            "odd" => value is long odd && odd % 2 != 0,
            "even" => value is long even && even % 2 == 0,
            "divisibleby" => value is long whole && Argument() is long divisor and not 0 && (divisor == -1 || whole % divisor == 0),
            "equalto" or "eq" or "sameas" => operators.AreEqual(value, Argument()),
            "ne" => !operators.AreEqual(value, Argument()),
            "in" => operators.Contains(Argument(), value),
            "lt" or "lessthan" => operators.Compare("<", value, Argument()),
            "le" => operators.Compare("<=", value, Argument()),
            "gt" or "greaterthan" => operators.Compare(">", value, Argument()),
            "ge" => operators.Compare(">=", value, Argument()),
            "lower" => value is string low && low == low.ToLowerInvariant(),
            "upper" => value is string high && high == high.ToUpperInvariant(),
            _ => throw budget.Error($"there is no test '{name}'"),
        };

        object? Argument() => arguments.Count == 1 ? arguments[0] : throw budget.Error($"the test '{name}' needs one argument");
    }
}
