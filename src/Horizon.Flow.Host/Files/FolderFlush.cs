using System.Runtime.InteropServices;

namespace Horizon.Flow.Host.Files;

/// <summary>
/// Flushes a folder's list of names to disk. A renamed file is its own after a power cut only once that is done (fsync(2): "an explicit
/// fsync() on a file descriptor for the directory is also needed").
/// </summary>
public static partial class FolderFlush
{
    private const int NoPermission = 13; // EACCES: who may not read a folder may not flush it
    private const int NoSuchThing = 22; // EINVAL: a file system that keeps no such list

    /// <summary>Flushes the folder and the one that holds it, which has its name. Does nothing on Windows, whose renames need no more.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <exception cref="IOException">There is no such folder, or the disk does not take it.</exception>
    public static void ToDisk(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        Entries(full, mayBeForbidden: true);
        if (Path.GetDirectoryName(full) is { } parent) Entries(parent, mayBeForbidden: true);
    }

    /// <summary>Flushes the one folder's list of names.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="mayBeForbidden">Whether a folder that may not be read is passed over.</param>
    /// <exception cref="IOException">There is no such folder, or the disk does not take it.</exception>
    internal static void Entries(string folder, bool mayBeForbidden = false)
    {
        if (OperatingSystem.IsWindows()) return;
        // O_RDONLY; .NET's own files refuse to open a folder.
        var descriptor = Open(folder, 0);
        if (descriptor < 0)
        {
            if (mayBeForbidden && Marshal.GetLastPInvokeError() == NoPermission) return;
            throw Failed(folder);
        }

        try
        {
            if (Sync(descriptor) != 0 && Marshal.GetLastPInvokeError() != NoSuchThing) throw Failed(folder);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Failed(string folder) =>
        new($"the folder {folder} cannot be flushed to disk: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
