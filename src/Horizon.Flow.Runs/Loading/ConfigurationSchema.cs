using System.Collections.Concurrent;
using System.Reflection;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Text.Data;
using YamlDotNet.Serialization.NamingConventions;

namespace Horizon.Flow.Runs.Loading;

/// <summary>The keys that a configuration may have, read off the section types.</summary>
internal static class ConfigurationSchema
{
    private static readonly ConcurrentDictionary<Type, Dictionary<string, ConfigurationKey>> Sections = new();

    /// <summary>Every key of a file by its full path, such as <c>training.batch_size</c>; keys inside a list's items are not among them.</summary>
    public static IReadOnlyList<string> Paths { get; } = [.. Below(typeof(RunConfiguration), "").Select(key => key.Path)];

    /// <summary>Those of them whose value is a path.</summary>
    public static IReadOnlySet<string> PathKeys { get; } = Below(typeof(RunConfiguration), "").Where(key => key.Key.IsPath).Select(key => key.Path).ToHashSet();

    /// <summary>The keys of one section type by their names, in the order of its declaration.</summary>
    public static IReadOnlyDictionary<string, ConfigurationKey> Keys(Type section) => Sections.GetOrAdd(section, static type =>
    {
        var nullability = new NullabilityInfoContext();
        return type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.SetMethod is not null)
            .ToDictionary(
                property => KeyName(property.Name),
                property => new ConfigurationKey(property, nullability.Create(property).WriteState == NullabilityState.Nullable),
                StringComparer.Ordinal);
    });

    /// <summary>Whether a type is a section, that is, has keys of its own.</summary>
    public static bool IsSection(Type type) =>
        type == typeof(DataColumns) || (type.Namespace == typeof(RunConfiguration).Namespace && type.IsClass && !IsList(type));

    /// <summary>Whether a type is a list of values.</summary>
    public static bool IsList(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ValueList<>);

    /// <summary><c>MaxGradNorm</c> as <c>max_grad_norm</c>.</summary>
    public static string KeyName(string propertyName) => UnderscoredNamingConvention.Instance.Apply(propertyName);

    /// <summary>An enum's value as a file writes it: <c>ShareGpt</c> as <c>sharegpt</c>.</summary>
    public static string ValueName(object enumValue) => enumValue.ToString()!.ToLowerInvariant();

    /// <summary>The path of <paramref name="key"/> in <paramref name="section"/>, where an empty section is the top of the file.</summary>
    public static string Join(string section, string key) => section.Length == 0 ? key : $"{section}.{key}";

    private static IEnumerable<(string Path, ConfigurationKey Key)> Below(Type section, string path)
    {
        foreach (var (name, key) in Keys(section))
        {
            var keyPath = Join(path, name);
            yield return (keyPath, key);
            if (!IsSection(key.Type))
                continue;
            foreach (var inner in Below(key.Type, keyPath))
                yield return inner;
        }
    }
}
