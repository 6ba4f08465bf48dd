using System.Reflection;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Runs.Loading;

/// <summary>One key of a section.</summary>
/// <param name="Property">What it is bound to.</param>
/// <param name="IsNullable">Whether it may be null.</param>
internal sealed record ConfigurationKey(PropertyInfo Property, bool IsNullable)
{
    /// <summary>The type of its value, without the null.</summary>
    public Type Type { get; } = Nullable.GetUnderlyingType(Property.PropertyType) ?? Property.PropertyType;

    /// <summary>Whether its value is a path.</summary>
    public bool IsPath { get; } = Property.IsDefined(typeof(PathKeyAttribute));

    /// <summary>Whether <c>auto</c> may stand in the place of its number.</summary>
    public bool MayBeAuto { get; } = Property.IsDefined(typeof(AutoKeyAttribute));

    /// <summary>A word that may stand in the place of a path; null where none may.</summary>
    public string? OrWord { get; } = Property.GetCustomAttribute<PathKeyAttribute>()?.OrWord;

    /// <summary>Whether a word without a slash or a dot stands for itself.</summary>
    public bool OrName { get; } = Property.GetCustomAttribute<PathKeyAttribute>()?.OrName ?? false;

    /// <summary>The key that a list of paths binds to; null where only one may stand.</summary>
    public string? OrListKey { get; } = Property.GetCustomAttribute<PathKeyAttribute>()?.OrListKey;
}
