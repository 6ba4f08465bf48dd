using System.Reflection;
using Horizon.Flow.Runs.Conversion;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Validation;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Runs.Loading;

/// <summary>Fills the typed sections from a YAML tree. What does not fit goes to the problems, and its key keeps the default.</summary>
internal sealed class ConfigurationBinder(ProblemList problems)
{
    // Each becomes a section of its own: a hostile file has ten thousands.
    private const int MostPaths = 1_000;

    private readonly Dictionary<string, string> _places = new(StringComparer.Ordinal);

    /// <summary>Where the key was written; null for one that was left out.</summary>
    public string? PlaceOf(string key) => _places.GetValueOrDefault(key);

    /// <summary>The configuration that the document describes.</summary>
    public RunConfiguration Bind(YamlNode document) => (RunConfiguration?)BindSection(document, typeof(RunConfiguration), "") ?? new();

    private object? BindSection(YamlNode node, Type type, string path)
    {
        // A section without keys, as in "training:", means its defaults.
        if (node is YamlScalar { IsNull: true })
            return Activator.CreateInstance(type)!;
        if (node is not YamlMap map)
        {
            var what = path.Length == 0 ? "a configuration" : path;
            return Refuse(node, path, $"{what} needs keys of its own, such as {ConfigurationSchema.Keys(type).Keys.First()}; it has {Show(node)}.");
        }
        var section = Activator.CreateInstance(type)!;
        var keys = ConfigurationSchema.Keys(type);
        foreach (var (name, entry) in map.Entries)
        {
            var keyPath = ConfigurationSchema.Join(path, name);
            if (keys.TryGetValue(name, out var key) && key.OrListKey is { } listKey && entry.Value is YamlList paths)
                SetList(section, keys[listKey], ConfigurationSchema.Join(path, listKey), keyPath, paths, isTaken: map.Entries.ContainsKey(listKey));
            else if (key is not null)
                Set(section, key, keyPath, entry.Value);
            else
                RefuseUnknown(entry.KeyOrigin, keyPath, keys.Keys.Select(known => ConfigurationSchema.Join(path, known)));
        }
        return section;
    }

    private void Set(object section, ConfigurationKey key, string path, YamlNode node)
    {
        _places[path] = node.Origin.Place;
        if (node is YamlScalar { IsNull: true } && key.IsNullable)
            key.Property.SetValue(section, null);
        else if (node is YamlScalar { Text: AutoKeyAttribute.Word } && key.MayBeAuto)
            key.Property.SetValue(section, AutoKeyAttribute.Number);
        else if (node is YamlScalar word && (word.Text == key.OrWord || (key.OrName && word.Text.Length > 0 && TokenizerChanges.IsName(word.Text))))
            key.Property.SetValue(section, word.Text);
        else if (node is YamlScalar { IsPlain: true } truth && key.OrWord is not null && bool.TryParse(truth.Text, out _))
            Refuse(node, path, $"{path} is {Show(node)}; it should be a path, or {key.OrWord}; leave it out for the default.");
        else if (BindValue(node, key.Type, path, key.IsPath) is { } value)
            key.Property.SetValue(section, value);
    }

    /// <summary>A list in the place of one path: an item of the other key for each.</summary>
    private void SetList(object section, ConfigurationKey key, string path, string listedAt, YamlList paths, bool isTaken)
    {
        if (isTaken)
        {
            Refuse(paths, listedAt, $"{listedAt} is a list, which is the same as {path}, and that stands here too; keep one of them.");
            return;
        }

        if (paths.Items.Count > MostPaths)
        {
            Refuse(paths, listedAt, $"{listedAt} lists {paths.Items.Count} paths; list at most {MostPaths}, or name a folder, or a pattern with *, that holds them.");
            return;
        }

        Set(section, key, path, new YamlList(
            [.. paths.Items.Select(item => new YamlMap(new(StringComparer.Ordinal) { ["path"] = new YamlEntry(item.Origin, item) }, item.Origin))], paths.Origin));
    }

    private object? BindValue(YamlNode node, Type type, string key, bool isPath)
    {
        if (ConfigurationSchema.IsSection(type))
            return BindSection(node, type, key);
        if (ConfigurationSchema.IsList(type))
            return BindList(node, type, key);
        var (value, expected) = node is YamlScalar { IsNull: false } scalar
            ? ScalarBinder.Bind(scalar, type, isPath)
            : (null, ScalarBinder.Bind(new YamlScalar("", IsPlain: true, node.Origin), type, isPath).Expected);
        return value ?? Refuse(node, key, $"{key} is {Show(node)}; it should be {expected}.");
    }

    private object? BindList(YamlNode node, Type type, string key)
    {
        if (node is not YamlList list)
            return Refuse(node, key, $"{key} is {Show(node)}; it should be a list such as [a, b].");
        var itemType = type.GetGenericArguments()[0];
        var items = Array.CreateInstance(itemType, list.Items.Count);
        for (var i = 0; i < items.Length; i++)
        {
            if (BindValue(list.Items[i], itemType, $"{key}[{i}]", isPath: false) is not { } item)
                return null;
            items.SetValue(item, i);
        }
        return Activator.CreateInstance(type, BindingFlags.NonPublic | BindingFlags.Instance, null, [items], null);
    }

    private void RefuseUnknown(Origin origin, string key, IEnumerable<string> siblings)
    {
        if (problems.IsFull)
        {
            problems.Add(key, "");
            return;
        }

        if (ForeignKeys.Hint(key) is { } hint)
        {
            problems.Add(key, $"{origin.Place}: unknown key '{Quoting.OneLine(key)}', {hint}.");
            return;
        }

        // Inside a list the item's own keys are the candidates; elsewhere every key, for many an unknown one stands in the wrong section.
        var candidates = key.Contains('[', StringComparison.Ordinal) ? siblings : ConfigurationSchema.Paths;
        problems.Add(key, $"{origin.Place}: unknown key '{Quoting.OneLine(key)}'; the nearest known key is '{NearestKey.Find(key, candidates)}'.");
    }

    private object? Refuse(YamlNode node, string key, string sentence)
    {
        problems.Add(key, $"{node.Origin.Place}: {sentence}");
        return null;
    }

    private static string Show(YamlNode node) => node switch
    {
        YamlScalar { IsNull: true } => "empty",
        YamlScalar scalar => $"'{Quoting.OneLine(scalar.Text)}'",
        YamlList => "a list",
        _ => "a section",
    };
}
