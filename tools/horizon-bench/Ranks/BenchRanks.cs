using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Bench;

/// <summary>A benchmark as one of several ranks, where the variables of torchrun and its like say so.</summary>
internal static class BenchRanks
{
    /// <summary>Joins the ranks; null where there is one.</summary>
    public static async Task<ICollectives?> JoinAsync(IComputeDevice device, Report report)
    {
        if (RankEnvironment.Read() is not { } place) return null;
        var collectives = await RankGroup.JoinAsync(place, device);
        report.Say($"rank {place.Rank} of {place.Count}{(device.MemoryBytes is null ? "" : $", NCCL {NcclCollectives.Version}")}");
        return collectives;
    }

    public static TrainingPlan Wire(TrainingPlan plan, ICollectives? collectives) => collectives is null ? plan : plan.Distribute(collectives);

    public static void Fill(ParameterStore store, TrainingPlan plan, int seed, HostWorkers workers, double deviation, ICollectives? collectives) =>
        StoreFill.Fill(store, seed, workers, deviation, plan.Model.Units, collectives is null ? null : new UnitSlices(plan, collectives).PiecesOf);
}
