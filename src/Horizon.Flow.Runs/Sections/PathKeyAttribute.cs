namespace Horizon.Flow.Runs.Sections;

/// <summary>Marks a key whose value is a path; a relative one is resolved when it is bound.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class PathKeyAttribute : Attribute;
