namespace Horizon.Flow.Runs.Sections;

/// <summary>Marks a whole number in whose place a file may say <c>auto</c>.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class AutoKeyAttribute : Attribute
{
    /// <summary>The word.</summary>
    public const string Word = "auto";

    /// <summary>The number that stands for it; nobody writes it.</summary>
    public const int Number = int.MinValue;
}
