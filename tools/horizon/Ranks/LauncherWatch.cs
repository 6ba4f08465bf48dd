using System.Globalization;
using System.Runtime.InteropServices;

namespace Horizon.Flow.Cli;

/// <summary>Asks a rank to stop, as SIGTERM does, once the program that started it is gone without a word (SIGKILL): nobody else would end it, and its GPU would stay taken.</summary>
internal sealed partial class LauncherWatch : IDisposable
{
    private const string Variable = "HORIZON_LAUNCHER";
    private const int Terminate = 15;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly ITimer _timer;
    private int _asked;

    private LauncherWatch(int launcher) => _timer = TimeProvider.System.CreateTimer(_ => StopWithout(launcher), null, Interval, Interval);

    /// <summary>What a rank's environment says of its launcher.</summary>
    public static KeyValuePair<string, string> Here => new(Variable, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));

    /// <summary>Watches this process's launcher; null where something else started it.</summary>
    public static LauncherWatch? Begin() =>
        !OperatingSystem.IsWindows() && int.TryParse(Environment.GetEnvironmentVariable(Variable), NumberStyles.None, CultureInfo.InvariantCulture, out var launcher) && Parent() == launcher ? new(launcher) : null;

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    // Another process takes over the children of one that has ended.
    private void StopWithout(int launcher)
    {
        if (Parent() != launcher && Interlocked.Exchange(ref _asked, 1) == 0) _ = Kill(Environment.ProcessId, Terminate);
    }

    [LibraryImport("libc", EntryPoint = "getppid")]
    private static partial int Parent();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
