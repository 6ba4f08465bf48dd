using Horizon.Flow.Runs.Session;
using Horizon.Flow.Tests.Shared;
using Spectre.Console.Testing;

namespace Horizon.Flow.Cli.Tests.Progress;

public sealed class LiveProgressTests : IDisposable
{
    private readonly TestConsole _console = new TestConsole().Width(80).Interactive();

    public void Dispose() => _console.Dispose();

    [Fact]
    public async Task ShowAsync_Steps_ShowsBarNumbersAndTimeLeft()
    {
        await Show([Events.Step(1), Events.Step(50, loss: 1.5)]);
        Assert.StartsWith("training llama, 135 M parameters, bf16, on cpu: steps 1 to 100", _console.Output, StringComparison.Ordinal);
        Assert.Contains($"{new string('━', 20)}{new string('─', 20)}  step 50/100  left 2.0 s", _console.Output, StringComparison.Ordinal);
        Assert.Contains("loss 1.5000  norm 1.25  lr 1.00e-04", _console.Output, StringComparison.Ordinal);
        Assert.Contains("1,024 tokens/s  device 1.5 GiB  host 4 GiB", _console.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ShowAsync_EvaluationsAndNotices_StayAboveTheBar()
    {
        await Show([Events.Step(1), new TrainingEvent.Evaluated(1, 2.25), new TrainingEvent.Noticed("[not markup]"), Events.Step(2)]);
        // Padded, so that they wipe the bar that they are drawn over.
        Assert.Contains("step 1/100  held-out loss 2.2500".PadRight(79) + "\n", _console.Output, StringComparison.Ordinal);
        Assert.Contains("[not markup]".PadRight(79) + "\n", _console.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ShowAsync_FastSteps_RedrawsSeldomButShowsTheLast()
    {
        await Show(Enumerable.Range(1, 100).Select(step => Events.Step(step)), TimeSpan.FromMilliseconds(1));
        // The first, the last, and the library's own drawing at the end.
        Assert.InRange(_console.Output.Split("tokens/s").Length - 1, 2, 3);
        Assert.Contains("step 100/100", _console.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ShowAsync_Error_IsPassedOnAndTheScreenCanBeUsedAgain()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => Show([Events.Step(1)], error: new InvalidOperationException()));
        await Show([Events.Step(2)]);
        Assert.Contains("step 2/100", _console.Output, StringComparison.Ordinal);
    }

    private Task Show(IEnumerable<TrainingEvent> events, TimeSpan? apart = null, Exception? error = null)
    {
        var time = new ManualTimeProvider();
        return new LiveProgress(_console, time).ShowAsync(Events.Outline, Events.Play(events, time, apart ?? TimeSpan.FromSeconds(1), error));
    }
}
