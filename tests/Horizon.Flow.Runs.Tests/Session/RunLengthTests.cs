using FsCheck;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Runs.Tests.Session;

public class RunLengthTests
{
    /// <summary>Counted step by step: whichever of the two that are given comes first, or one epoch.</summary>
    [Cases(300)]
    public void Of_AnySettings_EndsAtWhicheverIsGivenAndComesFirst(byte? most, PositiveInt? epochs, PositiveInt perEpoch)
    {
        var (passes, each) = (epochs?.Get % 9 + 1, (perEpoch.Get % 40) + 1);
        var length = RunLength.Of(new() { MaxSteps = most, Epochs = passes }, each, tokensPerEpoch: 7L * each);
        var limit = most is > 0 ? most : null;
        var steps = 0;
        while (!(steps == limit) && !(steps == passes * each) && !(limit is null && passes is null && steps == each)) steps++;
        Assert.Equal(steps, length.Steps);
        Assert.Equal(7.0 * steps, length.Tokens, 1e-6);
        Assert.Equal(limit is not null && steps == limit && steps != passes * each, length.DecidedBy.StartsWith("training.max_steps", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(null, 300, "900 steps, 300 epochs of 3 steps, 6,000 tokens; decided by training.epochs")]
    [InlineData(1000L, null, "1,000 steps, 333.33 epochs of 3 steps, about 6,667 tokens; decided by training.max_steps")]
    [InlineData(1L, 2, "1 step, 0.33 epochs of 3 steps, about 7 tokens; decided by training.max_steps, which comes before the 6 steps of training.epochs 2")]
    [InlineData(9L, 2, "6 steps, 2 epochs of 3 steps, 40 tokens; decided by training.epochs, which comes before the 9 steps of training.max_steps")]
    [InlineData(0L, null, "3 steps, 1 epoch of 3 steps, 20 tokens; decided by the default of one epoch: neither training.max_steps nor training.epochs is given")]
    public void Describe_Length_SaysWhatDecides(long? most, int? epochs, string expected) =>
        Assert.Equal(expected, RunLength.Of(new() { MaxSteps = most, Epochs = epochs }, 3, 20).Describe());

    [Fact]
    public void Of_TheMostStepsThereAre_IsNoOverflow() =>
        Assert.Equal(long.MaxValue, RunLength.Of(new() { MaxSteps = long.MaxValue }, 3, 20).Steps);
}
