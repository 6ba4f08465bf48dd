using Horizon.Flow.Runs.Conversion;
using Horizon.Flow.Runs.Validation;

namespace Horizon.Flow.Runs.Loading;

/// <summary>One <c>--set key.path=value</c>: as if the key stood so in the file, with paths relative to the working directory.</summary>
internal static class Override
{
    /// <summary>The document with the key set; the document itself may be changed.</summary>
    /// <exception cref="HorizonException">It is no assignment, the key is unknown or the value is not YAML.</exception>
    public static YamlNode Apply(YamlNode document, string assignment, string workingDirectory)
    {
        var equals = assignment.IndexOf('=', StringComparison.Ordinal);
        var place = $"--set {Quoting.OneLine(assignment)}";
        if (equals <= 0)
            throw new HorizonException($"{place}: write it as key.path=value, for instance --set training.batch_size=4.");
        var key = assignment[..equals].Trim();
        if (!ConfigurationSchema.Paths.Contains(key))
        {
            if (ForeignKeys.Hint(key) is { } hint) throw new HorizonException($"{place}: unknown key '{Quoting.OneLine(key)}', {hint}.");
            var nearest = NearestKey.Find(key, ConfigurationSchema.Paths);
            throw new HorizonException($"{place}: unknown key '{Quoting.OneLine(key)}'; the nearest known key is '{nearest}'.");
        }
        var value = YamlReader.Read(assignment[(equals + 1)..], place, workingDirectory, namesLines: false);
        return Put(document, key.Split('.'), value);
    }

    private static YamlNode Put(YamlNode node, ReadOnlySpan<string> path, YamlNode value)
    {
        if (path.IsEmpty)
            return value;
        // A section that is missing or empty begins here. One that is not a section stays, for the binder to refuse.
        if (node is YamlScalar { IsNull: true })
            node = new YamlMap([], value.Origin);
        if (node is not YamlMap { Entries: var entries })
            return node;
        var inner = entries.TryGetValue(path[0], out var entry) ? entry.Value : new YamlScalar("", IsPlain: true, value.Origin);
        entries[path[0]] = new YamlEntry(value.Origin, Put(inner, path[1..], value));
        return node;
    }
}
