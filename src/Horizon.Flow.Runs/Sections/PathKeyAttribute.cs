namespace Horizon.Flow.Runs.Sections;

/// <summary>Marks a key whose value is a path; a relative one is resolved when it is bound.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class PathKeyAttribute : Attribute
{
    /// <summary>A word that is no path but means something else.</summary>
    public string? OrWord { get; init; }
}
