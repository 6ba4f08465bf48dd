namespace Horizon.Flow.Native;

/// <summary>What the system's loader had against a library.</summary>
internal static class NativeLoadError
{
    /// <summary>The loader's own line, which .NET puts below advice of its own, with the path in front where it does not say it.</summary>
    public static string Reason(string path, Exception error)
    {
        var lines = error.Message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var reason = lines.Length > 1 ? lines[1] : lines[0];
        return (reason.Contains(path, StringComparison.Ordinal) ? reason : $"{path}: {reason}").TrimEnd('.');
    }
}
