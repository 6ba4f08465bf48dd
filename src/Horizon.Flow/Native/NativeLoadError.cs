namespace Horizon.Flow;

/// <summary>What the system's loader had against a library.</summary>
internal static class NativeLoadError
{
    /// <summary>
    /// The loader's own line, with the path in front where it does not say it. .NET's message lists several attempts: that on the file itself
    /// tells, the others say that there is no such file under another spelling of its name.
    /// </summary>
    public static string Reason(string path, Exception error)
    {
        var lines = error.Message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var reason = lines.FirstOrDefault(line => line.StartsWith(path + ":", StringComparison.Ordinal)) ?? lines[0];
        return (reason.Contains(path, StringComparison.Ordinal) ? reason : $"{path}: {reason}").TrimEnd('.');
    }
}
