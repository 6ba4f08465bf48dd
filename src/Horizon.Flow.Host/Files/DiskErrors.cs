namespace Horizon.Flow.Host.Files;

/// <summary>Which exceptions come from the disk, and so are the user's to mend.</summary>
internal static class DiskErrors
{
    /// <summary>A file beyond the file system's or the process's limit (EFBIG) comes as an <see cref="ArgumentOutOfRangeException"/>.</summary>
    public static bool IsOfTheDisk(this Exception error) => error is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" };
}
