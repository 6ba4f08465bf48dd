using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Blocks;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Tests.Blocks;

/// <summary>Updates that wait go in the order in which the next forward reads units, whatever the order in which backward gave their gradients.</summary>
public class UpdateOrderTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Update_GradientsThatWait_GoAsTheNextForwardReadsThem()
    {
        using var bench = new StageBench();
        var turns = new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler;
        using var begin = new ManualResetEventSlim();
        _ = Task.Factory.StartNew(() => begin.Wait(Bound), CancellationToken.None, TaskCreationOptions.None, turns);
        var units = bench.Plan.Model.Units.Count;
        var update = new UpdateBlock(bench.Store, bench.Plan.Options.Optimizer, bench.Workers, new StageOptions { Capacity = units + 1, Scheduler = turns });
        for (var unit = units - 1; unit >= 0; unit--) Assert.True(await update.SendAsync(bench.HostGradient(unit)).WaitAsync(Bound));
        update.Complete();
        begin.Set();
        var order = new List<int>();
        while (await update.OutputAvailableAsync().WaitAsync(Bound))
            while (update.TryReceive(null, out UnitUpdated? updated)) order.Add(updated.Visit.Unit);
        Assert.Equal(Enumerable.Range(0, units), order);
        Assert.All(bench.Pools, pool => Assert.Equal(0, pool.Outstanding));
    }
}
