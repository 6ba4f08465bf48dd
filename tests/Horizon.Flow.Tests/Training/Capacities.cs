using FsCheck;
using FsCheck.Fluent;

namespace Horizon.Flow.Tests.Training;

/// <summary>Everything that may change speed and memory but never a result.</summary>
public sealed record Capacities(int DeviceBuffers, int GradientBuffers, int Slabs, int FetchAhead, int Stage, int HostThreads)
{
    public static Gen<Capacities> Any =>
        from values in Gen.ArrayOf(Gen.Choose(1, 4), 6)
        select new Capacities(values[0], values[1], values[2], values[3], values[4], values[5]);

    public PipelineOptions Pipeline(int recomputeInterval) => new()
    {
        DeviceBuffers = Math.Max(DeviceBuffers, recomputeInterval),
        GradientBuffers = GradientBuffers,
        GradientSlabs = Slabs,
        FetchAhead = FetchAhead,
        StageCapacity = Stage,
    };
}
