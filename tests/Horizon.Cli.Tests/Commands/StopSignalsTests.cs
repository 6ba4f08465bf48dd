using System.Runtime.InteropServices;

namespace Horizon.Flow.Cli.Tests.Commands;

[Collection("signals")]
public class StopSignalsTests
{
    [Fact]
    public void Handle_FirstSignal_AsksForAStopAndKeepsTheProcess()
    {
        using var output = new StringWriter();
        using var stop = new StopSignals(output);
        Assert.Equal(0, stop.ExitCode);
        var first = new PosixSignalContext(PosixSignal.SIGTERM);
        stop.Handle(first);
        Assert.Equal((true, true, ExitCodes.Terminated), (first.Cancel, stop.Token.IsCancellationRequested, stop.ExitCode));
    }

    [Fact]
    public void Handle_SecondSignal_IsLeftToTheSystem()
    {
        using var output = new StringWriter();
        using var stop = new StopSignals(output);
        stop.Handle(new PosixSignalContext(PosixSignal.SIGINT));
        var second = new PosixSignalContext(PosixSignal.SIGTERM);
        stop.Handle(second);
        Assert.Equal((false, ExitCodes.Interrupted), (second.Cancel, stop.ExitCode));
    }
}
