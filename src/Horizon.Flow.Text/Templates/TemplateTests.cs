namespace Horizon.Flow.Text.Templates;

/// <summary>What may stand after `is`.</summary>
internal static class TemplateTests
{
    public static bool Test(object? value, string name, List<object?> arguments, TemplateOperators operators, TemplateBudget budget)
    {
        value = SafeText.Plain(value);
        if (value is UnseenText) return UnseenText.Test(name, arguments.Count);
        switch (name)
        {
            case "divisibleby":
                return value is long number && Argument() is long divisor and not 0 && (divisor == -1 || number % divisor == 0);
            case "equalto" or "eq" or "sameas": return operators.AreEqual(value, Argument());
            case "ne": return !operators.AreEqual(value, Argument());
            case "in": return operators.Contains(Argument(), value);
            case "lt" or "lessthan": return operators.Compare("<", value, Argument());
            case "le": return operators.Compare("<=", value, Argument());
            case "gt" or "greaterthan": return operators.Compare(">", value, Argument());
            case "ge": return operators.Compare(">=", value, Argument());
        }

        if (arguments.Count > 0) throw budget.Error($"the test '{name}' takes no arguments");
        return name switch
        {
            "defined" => value is not UndefinedValue,
            "undefined" => value is UndefinedValue,
            "none" => value is null,
            "string" => value is string,
            "mapping" => value is OrderedDictionary<string, object?>,
            "sequence" or "iterable" => value is string or List<object?> or OrderedDictionary<string, object?> or UndefinedValue,
            "number" => value is long or double or bool,
            "integer" => value is long,
            "float" => value is double,
            "boolean" => value is bool,
            "true" => value is true,
            "false" => value is false,
            "callable" => value is MacroValue or FunctionValue or ClockValue or JoinerValue,
            "escaped" => false,
            "odd" => value is long odd && odd % 2 != 0,
            "even" => value is long even && even % 2 == 0,
            "lower" => IsUnchangedBy(text => text.ToLowerInvariant()),
            "upper" => IsUnchangedBy(text => text.ToUpperInvariant()),
            _ => throw budget.Error($"there is no test '{name}'"),
        };

        object? Argument() => arguments.Count == 1 ? arguments[0] : throw budget.Error($"the test '{name}' needs one argument");

        bool IsUnchangedBy(Func<string, string> change)
        {
            if (value is not string text) return false;
            budget.Spend(2L * text.Length);
            return text == change(text);
        }
    }
}
