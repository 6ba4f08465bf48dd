using System.Runtime.InteropServices;

namespace Horizon.Flow.Host;

/// <summary>Has a folder's entries written to disk: without that a rename may be lost when the power fails.</summary>
internal static partial class FolderSync
{
    private const int ReadOnly = 0;

    public static void Flush(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var handle = Open(folder, ReadOnly);
        if (handle < 0) throw new IOException($"cannot open {folder} (error {Marshal.GetLastPInvokeError()})");
        try
        {
            // Some file systems cannot flush a folder (EINVAL): they keep order on their own, or nothing helps.
            const int InvalidArgument = 22;
            if (Synchronize(handle) < 0 && Marshal.GetLastPInvokeError() is var error and not InvalidArgument)
                throw new IOException($"cannot flush {folder} (error {error})");
        }
        finally
        {
            _ = Close(handle);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Synchronize(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
