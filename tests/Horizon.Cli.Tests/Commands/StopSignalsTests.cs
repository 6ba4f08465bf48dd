using System.Runtime.InteropServices;
using Horizon.Flow.Cli.Tests.Printing;

namespace Horizon.Flow.Cli.Tests.Commands;

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

    /// <summary>A closing terminal may send it twice, a batch system its warning before SIGTERM: neither ends what is being saved.</summary>
    [Theory]
    [InlineData(PosixSignal.SIGHUP, ExitCodes.HungUp)]
    [InlineData((PosixSignal)10, 138)]
    public void Handle_LostConnectionOrWarning_StopsAndIsNeverTheSecondSignal(PosixSignal signal, int expected)
    {
        using var output = new StringWriter();
        using var stop = new StopSignals(output);
        foreach (var again in (PosixSignal[])[signal, signal, PosixSignal.SIGTERM, signal])
        {
            var context = new PosixSignalContext(again);
            stop.Handle(context);
            Assert.Equal((true, true, expected), (context.Cancel, stop.Token.IsCancellationRequested, stop.ExitCode));
        }

        Assert.Equal("stopping after this step; once more to stop at once", output.ToString().Trim());
    }

    [Fact]
    public void Handle_OutputIsGone_StopsAllTheSame()
    {
        using var output = new BrokenWriter();
        using var stop = new StopSignals(output);
        var context = new PosixSignalContext(PosixSignal.SIGTERM);
        stop.Handle(context);
        Assert.Equal((true, true), (context.Cancel, stop.Token.IsCancellationRequested));
    }
}
