namespace Horizon.Examples.Tests;

public class HandWrittenLoopTests
{
    [Fact]
    public async Task RunAsync_HandWrittenLoop_IsBitwiseThePlan()
    {
        var (byHand, byPlan) = await HandWrittenLoopExample.RunAsync(TextWriter.Null, steps: 6);
        Assert.True(byHand.IsBitwise(byPlan));
        Assert.True(byPlan.LastLoss < byPlan.Reports[0].Loss);
    }
}
