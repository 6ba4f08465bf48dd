using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;

namespace Horizon.Flow.Distributed.Tests;

/// <summary>What docs/ranks.md shows, as it compiles; it needs a GPU and a launcher to run.</summary>
internal static class RanksPage
{
    public static async Task TrainAsync(ModelDefinition model, TrainingOptions options)
    {
        // <snippet>
        var place = RankEnvironment.Read() ?? throw new InvalidOperationException("start me with torchrun");
        using var device = new CudaDevice(place.LocalRank);
        using var ranks = await RankGroup.JoinAsync(place, device);          // NCCL on a GPU, the same connections on a CPU
        var plan = TrainingPlan.For(model, options).Distribute(ranks);       // last, with everything else wired
        using var store = plan.CreateStore(StorePrecision.Bf16);             // this rank's slices
        await using var run = plan.Start(store, device);
        // </snippet>
    }
}
