using Horizon.Flow;

namespace Horizon.Examples.Tests;

public class StockTwinsTests
{
    public static TheoryData<string> Cases => [.. StockTwinsExample.Cases.Select(one => one.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task RunAsync_StockBlocksInThePlaceOfEveryStage_AreBitwiseEqual(string name)
    {
        var one = StockTwinsExample.Cases.Single(one => one.Name == name);
        var plain = await StockTwinsExample.RunAsync(one, plan => plan, steps: 4);
        var twins = await StockTwinsExample.RunAsync(one, StockTwins.Of, steps: 4);
        Assert.True(plain.IsBitwise(twins));
        Assert.True(plain.Trained.LastLoss < plain.Trained.Reports[0].Loss);
    }

    [Fact]
    public void Of_TheDefaultPlan_LeavesTheHubAloneAsItWas()
    {
        var plan = TrainingPlan.For(Tiny.Model, Tiny.Options);
        var twins = StockTwins.Of(plan).Graph;
        Assert.Equal([Stages.Join.Name], plan.Graph.Nodes.Where(node => ReferenceEquals(node.Create, twins.Node(node.Name).Create)).Select(node => node.Name));
    }

    [Fact]
    public void Lines_OfEveryTwin_AreTenAtMost()
    {
        var lines = StockTwins.Lines();
        var stages = TrainingPlan.For(Tiny.Model, Tiny.Options).Graph.Nodes.Select(node => node.Name).Where(name => name != Stages.Join.Name);
        Assert.Equal(stages.Select(name => name.Replace("-", "", StringComparison.Ordinal)).Order(), lines.Keys.Select(name => name.ToLowerInvariant()).Order());
        Assert.All(lines.Values, count => Assert.InRange(count, 1, 10));
    }
}
