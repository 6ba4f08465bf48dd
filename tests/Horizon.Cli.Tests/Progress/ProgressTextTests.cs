namespace Horizon.Flow.Cli.Tests.Progress;

public class ProgressTextTests
{
    [Theory]
    [InlineData(0.04, "0.0 s")]
    [InlineData(9.94, "9.9 s")]
    [InlineData(59, "59 s")]
    [InlineData(130, "2 min 10 s")]
    [InlineData(3900, "1 h 5 min")]
    [InlineData(273_600, "3 d 4 h")]
    public void Duration_Seconds_InTwoUnits(double seconds, string expected) =>
        Assert.Equal(expected, ProgressText.Duration(TimeSpan.FromSeconds(seconds)));
}
