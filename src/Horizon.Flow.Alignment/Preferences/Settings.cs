namespace Horizon.Flow.Alignment.Preferences;

/// <summary>What settings may be.</summary>
internal static class Settings
{
    public static double Positive(double value, string name) => double.IsFinite(value) && value > 0 ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be finite and above 0");

    public static double NotNegative(double value, string name) => double.IsFinite(value) && value >= 0 ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be finite and 0 or more");

    public static double Within(double value, double least, double below, string name) => value >= least && value < below ? value
        : throw new ArgumentOutOfRangeException(name, value, FormattableString.Invariant($"{name} must be from {least} to below {below}"));

    public static int AtLeastOne(int value, string name) => value >= 1 ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be 1 or more");
}
