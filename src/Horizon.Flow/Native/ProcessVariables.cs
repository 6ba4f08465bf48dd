using System.Runtime.InteropServices;

namespace Horizon.Flow.Native;

/// <summary>Environment variables as native libraries read them: .NET keeps a copy of its own, which they do not see.</summary>
internal static partial class ProcessVariables
{
    /// <summary>Sets a variable that has no value yet.</summary>
    public static void SetIfUnset(string name, string value)
    {
        if (OperatingSystem.IsWindows())
        {
            if (Environment.GetEnvironmentVariable(name) is null) Environment.SetEnvironmentVariable(name, value);
        }
        else
        {
            _ = SetVariable(name, value, overwrite: 0);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
