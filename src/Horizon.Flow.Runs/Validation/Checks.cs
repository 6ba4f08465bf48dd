using System.Globalization;
using System.Numerics;

namespace Horizon.Flow.Runs.Validation;

/// <summary>The kinds of rule that keys have, each with its sentence.</summary>
internal sealed class Checks
{
    private readonly List<ConfigurationProblem> _problems = [];

    /// <summary>What was found.</summary>
    public IReadOnlyList<ConfigurationProblem> Problems => _problems;

    /// <summary>The key's value must be <paramref name="least"/> or more, and finite.</summary>
    public void AtLeast<T>(string key, T value, T least)
        where T : INumber<T> => That(T.IsFinite(value) && value >= least, key, value, $"{Text(least)} or more");

    /// <summary>The key's value must be more than 0, and finite.</summary>
    public void Positive(string key, double value) => That(double.IsFinite(value) && value > 0, key, value, "more than 0");

    /// <summary>The key's value must be at least 0 and less than 1.</summary>
    public void Decay(string key, double value) => That(value is >= 0 and < 1, key, value, "at least 0 and less than 1");

    /// <summary>The key's value must be one of the names.</summary>
    public void OneOf(string key, string value, IEnumerable<string> names) =>
        That(names.Contains(value), key, $"'{value}'", $"one of {string.Join(", ", names)}");

    /// <summary>A path must be given.</summary>
    public void Required(string key, string? value, string purpose)
    {
        if (string.IsNullOrEmpty(value))
            _problems.Add(new(key, $"{key} is missing; set it to {purpose}."));
    }

    /// <summary>A path, where given, must lead to something.</summary>
    public void Exists(string key, string? path, bool folderOnly = false)
    {
        if (string.IsNullOrEmpty(path) || Directory.Exists(path) || (!folderOnly && File.Exists(path)))
            return;
        var what = folderOnly ? "a folder" : "a file or folder";
        _problems.Add(new(key, $"{key} is '{Quoting.OneLine(path)}'; it should be {what} that exists."));
    }

    /// <summary>Any other rule: <paramref name="holds"/>, or the value should be <paramref name="expected"/>.</summary>
    public void That<T>(bool holds, string key, T value, string expected)
    {
        if (!holds)
            _problems.Add(new(key, $"{key} is {Quoting.OneLine(Text(value))}; it should be {expected}."));
    }

    private static string Text<T>(T value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
}
