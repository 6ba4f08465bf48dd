using FsCheck;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Progress;

public class SparklineTests
{
    [Theory]
    [InlineData("▁▅█", new[] { 1.0, 2, 3 })]
    [InlineData("█ ▁", new[] { 5.0, double.NaN, 1 })]
    [InlineData("▁▁", new[] { 2.0, 2 })]
    [InlineData("", new[] { double.PositiveInfinity })]
    public void Of_Numbers_DrawsThemFromTheLeastToTheMost(string expected, double[] values) => Assert.Equal(expected, Sparkline.Of(values, 10));

    [Cases]
    public void Of_Any_IsNoWiderThanAskedForAndEndsWithTheLastNumbers(NormalFloat[] values, PositiveInt width)
    {
        var numbers = values.Select(value => value.Get).ToList();
        var line = Sparkline.Of(numbers, width.Get);
        Assert.Equal(Math.Min(numbers.Count, width.Get), line.Length);
    }
}
