namespace Horizon.Flow.Runs.Data;

/// <summary>Where files lie that are of use to later runs and can be made again.</summary>
internal static class UserCache
{
    /// <summary>A folder of ours under the user's cache folder; null where the user has none.</summary>
    public static string? Folder(string name) => User is { Length: > 0 } user ? Path.Combine(user, "horizon-flow", name) : null;

    private static string User
    {
        get
        {
            if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } named) return named;
            if (OperatingSystem.IsWindows()) return Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
            var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            return home.Length == 0 ? "" : Path.Combine(home, OperatingSystem.IsMacOS() ? "Library/Caches" : ".cache");
        }
    }
}
