using Horizon.Flow.Graph;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Planning;
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
        Assert.Contains("1,024 tokens/s", _console.Output, StringComparison.Ordinal);
        Assert.Contains("device 1.5 GiB  host 4 GiB", _console.Output, StringComparison.Ordinal);
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
    public async Task ShowAsync_LongNotice_WipesEveryLineThatItIsDrawnOver()
    {
        await Show([Events.Step(1), new TrainingEvent.Noticed(new string('x', 100)), Events.Step(2)]);
        Assert.Contains($"{new string('x', 79)}\n", _console.Output, StringComparison.Ordinal);
        Assert.Contains($"{new string('x', 21).PadRight(79)}\n", _console.Output, StringComparison.Ordinal);
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

    /// <summary>Waiting, blocked and idle stages are told apart, from the first step's end on, and the memory stands beside its plan.</summary>
    [Fact]
    public async Task ShowAsync_RunWithStages_ShowsWhereTheTimeAndTheMemoryGo()
    {
        var asked = 0;
        IReadOnlyDictionary<string, StageShares> Shares() => new Dictionary<string, StageShares>
        {
            ["upload"] = Of(asked, busy: 2, waiting: 6, starved: 2, blocked: 0),
            ["forward"] = Of(asked++, busy: 9, waiting: 0, starved: 0, blocked: 1),
            ["never"] = default,
        };
        // What the first step took, a thousand seconds of waiting, does not count.
        StageShares Of(int time, double busy, double waiting, double starved, double blocked) => new(
            time + 1, TimeSpan.FromSeconds(time * busy), TimeSpan.FromSeconds(1000 + (time * waiting)), TimeSpan.FromSeconds(time * starved), TimeSpan.FromSeconds(time * blocked));
        var work = new StepWork(2048, 4e12, 1e12, 1, 1, 1, 1, (0, 0, 0));
        var rates = new MachineRates("cpu", 5e12, 1e9, 1e9, 1e9, 1e9, 1e9, "measured on 2026-11-26");
        var plan = new PlanReport("", [new(MemoryPlace.Device, "weights", 3L << 30, ""), new(MemoryPlace.Host, "weights", 8L << 30, "")], null, null, "", null)
        {
            Cost = new(work, new StepTime(Compute: 1, 0, 0, 0, 0, 0), rates),
        };
        await Show([Events.Step(1, 4), Events.Step(2, 3), Events.Step(3, 2)], outline: Events.Outline with { Shares = Shares, Memory = plan });
        Assert.Contains("1,024 tokens/s  2 TFLOP/s, 50 % of the floor", _console.Output, StringComparison.Ordinal);
        Assert.Contains($"device {new string('━', 6)}{new string('─', 6)} 1.5 GiB of 3 GiB planned", _console.Output, StringComparison.Ordinal);
        Assert.Contains($"host   {new string('━', 6)}{new string('─', 6)} 4 GiB of 8 GiB planned", _console.Output, StringComparison.Ordinal);
        Assert.Contains($"upload  {new string('█', 6)}{new string('▒', 18)}{new string('·', 6)}  20 % busy  60 % waiting   0 % blocked", _console.Output, StringComparison.Ordinal);
        Assert.Contains($"forward {new string('█', 27)}{new string('░', 3)}  90 % busy   0 % waiting  10 % blocked", _console.Output, StringComparison.Ordinal);
        Assert.Contains("█▅▁", _console.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("never", _console.Output, StringComparison.Ordinal);
    }

    private Task Show(IEnumerable<TrainingEvent> events, TimeSpan? apart = null, Exception? error = null, TrainingOutline? outline = null)
    {
        var time = new ManualTimeProvider();
        return new LiveProgress(_console, time).ShowAsync(outline ?? Events.Outline, Events.Play(events, time, apart ?? TimeSpan.FromSeconds(1), error));
    }
}
