using System.Runtime.InteropServices;

namespace Horizon.Flow.Cli;

/// <summary>
/// Ctrl-C, SIGTERM, SIGHUP (the connection is lost) and SIGUSR1 (a batch system's warning) while it lives: the first one asks for a stop at the
/// next step boundary. A second Ctrl-C or SIGTERM ends the program at once; the other two come in numbers of themselves, and never do.
/// </summary>
public sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly UnfailingWriter _output;
    private readonly string _words;
    private int _exitCode;
    private int _asked;

    /// <summary>Starts to listen.</summary>
    /// <param name="output">Where the first signal is acknowledged.</param>
    /// <param name="words">How.</param>
    public StopSignals(TextWriter output, string words = "stopping after this step; once more to stop at once")
    {
        (_output, _words) = (new UnfailingWriter(output), words);
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP])
            _registrations.Add(PosixSignalRegistration.Create(signal, Handle));
        if (UserSignal is { } user) _registrations.Add(PosixSignalRegistration.Create((PosixSignal)user, Handle));
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _stop.Token;

    /// <summary>What to exit with once stopped, 128 and the first signal's number: 130 after Ctrl-C, 143 after SIGTERM; 0 as long as none came.</summary>
    public int ExitCode => Volatile.Read(ref _exitCode);

    // SIGUSR1 has no name in the runtime, and another number on each system.
    private static int? UserSignal => OperatingSystem.IsLinux() ? 10 : OperatingSystem.IsMacOS() ? 30 : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _output.Dispose();
        _stop.Dispose();
    }

    /// <summary>Takes a signal. A second one from somebody's hand is left to the system, which ends the process.</summary>
    public void Handle(PosixSignalContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var isByHand = context.Signal is PosixSignal.SIGINT or PosixSignal.SIGTERM;
        if (isByHand && Interlocked.Exchange(ref _asked, 1) != 0)
            return;
        context.Cancel = true;
        var code = context.Signal switch
        {
            PosixSignal.SIGINT => ExitCodes.Interrupted,
            PosixSignal.SIGTERM => ExitCodes.Terminated,
            PosixSignal.SIGHUP => ExitCodes.HungUp,
            var other => 128 + (int)other,
        };
        if (Interlocked.CompareExchange(ref _exitCode, code, 0) != 0)
            return;
        // First the stop, then the words: those may have nowhere to go.
        _stop.Cancel();
        _output.WriteLine(_words);
    }
}
