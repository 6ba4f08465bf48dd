using System.Globalization;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Runs.Loading;

/// <summary>One key in which two configurations differ.</summary>
/// <param name="Key">Its full path.</param>
/// <param name="Before">Its value in the first, as a file writes it.</param>
/// <param name="After">Its value in the second.</param>
internal sealed record ConfigurationDifference(string Key, string Before, string After)
{
    /// <summary>Every key in which two configurations differ.</summary>
    public static IReadOnlyList<ConfigurationDifference> Between(RunConfiguration before, RunConfiguration after) => [.. Between("", before, after)];

    private static IEnumerable<ConfigurationDifference> Between(string path, object before, object after)
    {
        foreach (var (name, key) in ConfigurationSchema.Keys(before.GetType()))
        {
            var keyPath = ConfigurationSchema.Join(path, name);
            var (one, other) = (key.Property.GetValue(before), key.Property.GetValue(after));
            if (Equals(one, other)) continue;
            if (ConfigurationSchema.IsSection(key.Type))
                foreach (var inner in Between(keyPath, one!, other!)) yield return inner;
            else
                yield return new(keyPath, Show(one), Show(other));
        }
    }

    private static string Show(object? value) => value switch
    {
        null => "null",
        Enum or bool => ConfigurationSchema.ValueName(value),
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
