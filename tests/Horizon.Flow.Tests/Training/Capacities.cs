using FsCheck;
using FsCheck.Fluent;

namespace Horizon.Flow.Tests.Training;

/// <summary>Everything that may change speed and memory but never a result.</summary>
/// <remarks>Policies has two bits a layer, see <see cref="PolicyOf"/>; 0 recomputes all.</remarks>
public sealed record Capacities(
    int DeviceBuffers, int GradientBuffers, int Slabs, int FetchAhead, int Stage, int HostThreads, int ReturnBuffers = 2, int Policies = 0)
{
    public static Gen<Capacities> Any =>
        from values in Gen.ArrayOf(Gen.Choose(1, 4), 7)
        from policies in Gen.Frequency((1, Gen.Constant(0)), (3, Gen.Choose(0, 255)))
        select new Capacities(values[0], values[1], values[2], values[3], values[4], values[5], values[6], policies);

    /// <summary>Others, chosen by a number.</summary>
    public static Capacities Chosen(int seed)
    {
        var values = Enumerable.Range(0, 7).Select(i => 1 + ((seed >> i) % 4)).ToArray();
        return new(values[0], values[1], values[2], values[3], values[4], values[5], values[6], new Random(seed).Next(256));
    }

    public ActivationPolicy PolicyOf(int layer) => ((Policies >> (2 * (layer % 4))) & 3) switch
    {
        1 => ActivationPolicy.Keep,
        2 => ActivationPolicy.MoveOut,
        _ => ActivationPolicy.Recompute,
    };

    public PipelineOptions Pipeline(int recomputeInterval) => new()
    {
        DeviceBuffers = Math.Max(DeviceBuffers, recomputeInterval),
        GradientBuffers = GradientBuffers,
        GradientSlabs = Slabs,
        FetchAhead = FetchAhead,
        StageCapacity = Stage,
        ReturnBuffers = ReturnBuffers,
    };
}
