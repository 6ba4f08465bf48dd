using FsCheck;
using Horizon.Flow.Runs.Session;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Progress;

public class PlainProgressTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task ShowAsync_SlowSteps_WritesALineEach()
    {
        var lines = await Show([Events.Step(1), Events.Step(2)], apart: TimeSpan.FromSeconds(30));
        Assert.Equal(
            [
                "training llama, 135 M parameters, bf16, on cpu: steps 1 to 100",
                "step 1/100  loss 2.5000  norm 1.25  lr 1.00e-04  1,024 tokens/s  device 1.5 GiB  host 4 GiB  left 49 min 30 s",
                "step 2/100  loss 2.5000  norm 1.25  lr 1.00e-04  1,024 tokens/s  device 1.5 GiB  host 4 GiB  left 49 min 0 s",
            ],
            lines);
    }

    [Fact]
    public async Task ShowAsync_FastSteps_WritesTheFirstOneEveryIntervalAndTheLast()
    {
        var lines = await Show(Enumerable.Range(1, 100).Select(step => Events.Step(step)), apart: TimeSpan.FromSeconds(0.1));
        Assert.Equal(["step 1/100", "step 21/100", "step 41/100", "step 61/100", "step 81/100", "step 100/100"], lines.Skip(1).Select(Head));
    }

    [Fact]
    public async Task ShowAsync_EvaluationsNoticesAndSkippedSteps_AreNeverLeftOut()
    {
        var lines = await Show(
            [Events.Step(1), Events.Step(2, skipped: true), new TrainingEvent.Evaluated(2, 2.25), new TrainingEvent.Noticed("checkpoint written"), Events.Step(3)],
            apart: TimeSpan.Zero);
        Assert.Equal("step 2/100  skipped, its gradient norm is NaN  1,024 tokens/s  device 1.5 GiB  host 4 GiB  left 0.0 s", lines[2]);
        Assert.Equal(["step 2/100  held-out loss 2.2500", "checkpoint written"], lines.Skip(3).Take(2));
        Assert.Equal("step 3/100", Head(lines[5]));
    }

    [Fact]
    public async Task ShowAsync_ErrorAfterAnUnsaidStep_SaysTheStepAndPassesTheErrorOn()
    {
        var output = new StringWriter();
        var time = new ManualTimeProvider();
        var events = Events.Play([Events.Step(1), Events.Step(2)], time, TimeSpan.Zero, new InvalidOperationException("block update failed"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => new PlainProgress(output, time, Interval).ShowAsync(Events.Outline, events));
        Assert.Contains("step 2/100", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ShowAsync_UnknownEnd_GivesNeitherTotalNorTimeLeft()
    {
        var lines = await Show([Events.Step(7)], TimeSpan.FromSeconds(1), new TrainingOutline("llama", FirstStep: 7, LastStep: null));
        Assert.Equal("training llama: from step 7", lines[0]);
        Assert.StartsWith("step 7  loss", lines[1], StringComparison.Ordinal);
        Assert.DoesNotContain("left", lines[1], StringComparison.Ordinal);
    }

    [Cases(200)]
    public void ShowAsync_AnyPace_StartsWithFirstEndsWithLastAndKeepsTheInterval(PositiveInt steps, PositiveInt milliseconds)
    {
        var apart = TimeSpan.FromMilliseconds(milliseconds.Get);
        var lines = Show(Enumerable.Range(1, steps.Get).Select(step => Events.Step(step)), apart).GetAwaiter().GetResult();
        var said = lines.Skip(1).Select(line => int.Parse(Head(line)["step ".Length..].Split('/')[0], System.Globalization.CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(1, said[0]);
        Assert.Equal(steps.Get, said[^1]);
        Assert.All(said.Zip(said.Skip(1)).SkipLast(1), pair => Assert.True((pair.Second - pair.First) * apart >= Interval));
    }

    private static string Head(string line) => line.Split("  ")[0];

    private static async Task<string[]> Show(IEnumerable<TrainingEvent> events, TimeSpan apart, TrainingOutline? outline = null)
    {
        var output = new StringWriter { NewLine = "\n" };
        var time = new ManualTimeProvider();
        await new PlainProgress(output, time, Interval).ShowAsync(outline ?? Events.Outline, Events.Play(events, time, apart));
        return output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
