namespace Horizon.Flow.Runs.Sections;

/// <summary>Marks a key whose value is a path; a relative one is resolved when it is bound.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class PathKeyAttribute : Attribute
{
    /// <summary>A word that is no path but means something else.</summary>
    public string? OrWord { get; init; }

    /// <summary>Whether a word without a slash or a dot is a name, not a path.</summary>
    public bool OrName { get; init; }

    /// <summary>A key of the same section whose items have a <c>path</c>: a list of paths binds to it.</summary>
    public string? OrListKey { get; init; }
}
