using System.Runtime.InteropServices;

namespace Horizon.Flow.Tests.Hostile;

/// <summary>Files that are none: what stands in a folder of a stranger instead of one.</summary>
internal static partial class SpecialFile
{
    /// <summary>Makes a named pipe that nobody writes to: who opens it to read waits for ever.</summary>
    public static void Pipe(string path)
    {
        if (MakePipe(path, 0x1B4) != 0) throw new IOException($"no pipe {path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    [LibraryImport("libc", EntryPoint = "mkfifo", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakePipe(string path, uint mode);
}
