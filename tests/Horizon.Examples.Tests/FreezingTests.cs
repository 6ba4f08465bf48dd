namespace Horizon.Examples.Tests;

public class FreezingTests
{
    [Fact]
    public async Task RunAsync_FrozenUnits_CostAndChangeNothing()
    {
        const int steps = 5;
        var choices = await FreezingExample.RunAsync(TextWriter.Null, steps);
        Assert.Equal([6, 3, 1], choices.Select(choice => choice.Trained.Count(trained => trained)));
        foreach (var choice in choices)
        {
            Assert.True(choice.After.LastLoss < choice.After.Reports[0].Loss);
            for (var unit = 0; unit < choice.Trained.Length; unit++)
            {
                var trained = choice.Trained[unit];
                Assert.Equal(trained ? steps : 0, choice.Downloads[unit]);
                Assert.Equal(trained ? choice.Before[unit].Length * 8 : 0, choice.StateBytes[unit]);
                Assert.Equal(trained, !choice.Before[unit].AsSpan().SequenceEqual(choice.After.Parameters[unit]));
            }
        }
    }
}
