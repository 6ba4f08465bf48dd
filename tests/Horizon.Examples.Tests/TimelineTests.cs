using Horizon.Flow;
using Horizon.Flow.Graph;

namespace Horizon.Examples.Tests;

public class TimelineTests
{
    [Fact]
    public async Task RunAsync_Observed_IsBitwiseAndSawEveryVisit()
    {
        const int steps = 3;
        var shown = await TimelineExample.RunAsync(TextWriter.Null, steps);
        Assert.True(shown.Observed.IsBitwise(shown.Unobserved));
        var units = Tiny.Model.Units.Count; // the embedding goes back without its weights, the head goes up once
        Assert.Equal(steps * ((2 * units) - 2), shown.Spans.Count(span => span.Stage == Stages.Fetch.Name));
        Assert.Equal(steps * units, shown.Spans.Count(span => span.Stage == Stages.Update.Name));
    }

    [Fact]
    public void Draw_TwoSpans_ShowsWaitAndWork()
    {
        StageSpan[] spans = [new("one", null, 0, 49, 20), new("two", null, 50, 99, 0)];
        Assert.Equal(
            $"       one |{new string('.', 20)}{new string('#', 30)}{new string(' ', 50)}|{Environment.NewLine}"
            + $"       two |{new string(' ', 50)}{new string('#', 50)}|{Environment.NewLine}",
            TimelineText.Draw(spans, ["one", "two"], columns: 100));
    }
}
