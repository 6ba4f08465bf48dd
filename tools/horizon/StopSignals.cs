using System.Runtime.InteropServices;

namespace Horizon.Flow.Cli;

/// <summary>
/// Ctrl-C and SIGTERM while it lives: the first one asks for a stop at the next step boundary, the second one ends the program at once.
/// </summary>
public sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly TextWriter _output;
    private int _exitCode;

    /// <summary>Starts to listen.</summary>
    /// <param name="output">Where the first signal is acknowledged.</param>
    public StopSignals(TextWriter output)
    {
        _output = output;
        _registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle)];
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _stop.Token;

    /// <summary>What to exit with once stopped: 130 after Ctrl-C, 143 after SIGTERM; 0 as long as none came.</summary>
    public int ExitCode => Volatile.Read(ref _exitCode);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _stop.Dispose();
    }

    /// <summary>Takes a signal. A second one is left to the system, which ends the process.</summary>
    public void Handle(PosixSignalContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var code = context.Signal == PosixSignal.SIGINT ? ExitCodes.Interrupted : ExitCodes.Terminated;
        if (Interlocked.CompareExchange(ref _exitCode, code, 0) != 0)
            return;
        context.Cancel = true;
        _output.WriteLine("stopping after this step; once more to stop at once");
        _stop.Cancel();
    }
}
