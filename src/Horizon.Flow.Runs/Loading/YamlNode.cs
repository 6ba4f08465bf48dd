namespace Horizon.Flow.Runs.Loading;

/// <summary>Where a value was written: what messages call it, and what its relative paths are relative to.</summary>
/// <param name="Place">Such as <c>run.yaml:12</c> or <c>--set training.batch_size=0</c>.</param>
/// <param name="BaseDirectory">An absolute folder.</param>
internal sealed record Origin(string Place, string BaseDirectory);

/// <summary>A value of a YAML document. The document is small and bounded (<see cref="YamlReader"/>), so it is held as a tree.</summary>
internal abstract record YamlNode(Origin Origin);

/// <summary>A single value; unquoted ones may be null.</summary>
internal sealed record YamlScalar(string Text, bool IsPlain, Origin Origin) : YamlNode(Origin)
{
    public bool IsNull => IsPlain && Text is ("" or "~" or "null" or "Null" or "NULL");
}

/// <summary>A list of values.</summary>
internal sealed record YamlList(IReadOnlyList<YamlNode> Items, Origin Origin) : YamlNode(Origin);

/// <summary>A section: keys, each with the place where it stands, and their values.</summary>
internal sealed record YamlMap(Dictionary<string, YamlEntry> Entries, Origin Origin) : YamlNode(Origin);

/// <summary>One key of a section.</summary>
internal sealed record YamlEntry(Origin KeyOrigin, YamlNode Value);
