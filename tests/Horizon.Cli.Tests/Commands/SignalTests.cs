using System.Globalization;
using System.Runtime.InteropServices;
using Horizon.Flow.Cli.Tests.Progress;
using Horizon.Flow.Runs.Session;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Commands;

/// <summary>Signals to this process, which would stop whatever else trains in it: these tests run alone.</summary>
[Collection(nameof(SignalTests))]
[CollectionDefinition(nameof(SignalTests), DisableParallelization = true)]
public sealed class SignalTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public SignalTests()
    {
        _folder.Write("data.txt", "text");
        _folder.Write("run.yaml", $"{{ model: {{ path: {_folder.Path} }}, data: {{ path: data.txt }}, output: {{ directory: out }} }}");
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(2, ExitCodes.Interrupted)]
    [InlineData(15, ExitCodes.Terminated)]
    [InlineData(1, ExitCodes.HungUp)]
    [InlineData(10, 138)]
    public async Task Train_Signal_StopsAtTheStepBoundarySavesAndSaysSo(int signal, int expected)
    {
        // The signal is sent with kill(2). One that was ignored when the tests began (SIGINT in the background of a script) never arrives.
        if (!OperatingSystem.IsLinux() || IsIgnored(signal))
            return;
        using var arrived = new SemaphoreSlim(0);
        using var registration = PosixSignalRegistration.Create((PosixSignal)signal, context =>
        {
            context.Cancel = true;
            arrived.Release();
        });
        var trainer = new ScriptedTrainer
        {
            Events = [Events.Step(1), Events.Step(2), Events.Step(3)],
            Before = happened =>
            {
                if (happened is not TrainingEvent.StepEnded { Report.Step: 2 })
                    return;
                Assert.Equal(0, Kill(Environment.ProcessId, signal));
                // Handlers run in the order of their registration at the latest when this one, registered first, has run.
                arrived.Wait();
            },
        };
        var run = await Train(trainer);
        Assert.Equal(expected, run.ExitCode);
        Assert.True(trainer.Saved);
        Assert.Contains("stopping after this step", run.Error, StringComparison.Ordinal);
        Assert.Contains("checkpoint written to /out/checkpoints/step-2; --resume goes on from it", run.Output, StringComparison.Ordinal);
    }

    /// <summary>An untrained model would pass for the end of a run, which nothing could go on from.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(7, true)]
    public async Task Train_SignalBeforeTheFirstStep_SavesOnlyWhatWasTrained(int firstStep, bool isSaved)
    {
        if (!OperatingSystem.IsLinux())
            return; // The signal is sent with kill(2).
        using var arrived = new SemaphoreSlim(0);
        using var registration = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            arrived.Release();
        });
        var trainer = new ScriptedTrainer
        {
            FirstStep = firstStep,
            Events = [new TrainingEvent.Evaluated(firstStep - 1, 2), Events.Step(firstStep)],
            Before = _ =>
            {
                Assert.Equal(0, Kill(Environment.ProcessId, 15));
                arrived.Wait();
            },
        };
        var run = await Train(trainer);
        Assert.Equal((ExitCodes.Terminated, isSaved), (run.ExitCode, trainer.Saved));
        Assert.Equal(!isSaved, run.Output.Contains("stopped before the first step; no model was written", StringComparison.Ordinal));
    }

    private Task<CommandHarness> Train(ITrainer trainer) => CommandHarness.RunAsync(
        TrainCommandTests.Command(trainer), "train", Path.Combine(_folder.Path, "run.yaml"));

    private static bool IsIgnored(int signal)
    {
        var ignored = File.ReadLines("/proc/self/status").First(line => line.StartsWith("SigIgn:", StringComparison.Ordinal)).Split(':')[1].Trim();
        return (ulong.Parse(ignored, NumberStyles.HexNumber, CultureInfo.InvariantCulture) >> (signal - 1) & 1) == 1;
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
