using System.Globalization;
using System.Text.RegularExpressions;

namespace Horizon.Flow.Runs.Loading;

/// <summary>Turns the text of one YAML value into a number, a truth value, an enum or a path.</summary>
internal static partial class ScalarBinder
{
    /// <summary>The value, or null where the text is not what was expected; and in words what that is.</summary>
    public static (object? Value, string Expected) Bind(YamlScalar scalar, Type type, bool isPath)
    {
        var text = scalar.Text;
        if (isPath)
            return BindPath(scalar);
        if (type == typeof(string))
            return (text, "text");
        if (type == typeof(bool))
            return (bool.TryParse(text, out var truth) ? truth : null, "true or false");
        if (type == typeof(int))
            return (int.TryParse(Digits(text), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null, "a whole number");
        if (type == typeof(long))
            return (long.TryParse(Digits(text), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null, "a whole number");
        if (type == typeof(double))
            return (Number(Digits(text)), "a finite number such as 0.1 or 1e-4");
        if (type.IsEnum)
            return BindEnum(text, type);
        throw new NotSupportedException($"A configuration has no values of type {type}.");
    }

    private static double? Number(string text) =>
        double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var number)
        && double.IsFinite(number)
            ? number
            : null;

    // YAML 1.1 allows 1_000; the underscore must stand between digits.
    private static string Digits(string text) => Grouping().Replace(text, "");

    private static (object? Value, string Expected) BindEnum(string text, Type type)
    {
        // Not Enum.Parse, which takes "3" and "adamw, lion" too.
        var values = Enum.GetValues(type).Cast<object>().ToList();
        return (values.Find(value => ConfigurationSchema.ValueName(value) == text),
            $"one of {string.Join(", ", values.Select(ConfigurationSchema.ValueName))}");
    }

    private static (object? Value, string Expected) BindPath(YamlScalar scalar)
    {
        var usable = !string.IsNullOrWhiteSpace(scalar.Text) && !scalar.Text.Contains('\0', StringComparison.Ordinal);
        return (usable ? Path.GetFullPath(scalar.Text, scalar.Origin.BaseDirectory) : null, "a path");
    }

    [GeneratedRegex("(?<=[0-9])_(?=[0-9])")]
    private static partial Regex Grouping();
}
