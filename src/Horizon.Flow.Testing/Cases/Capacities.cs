using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Activations;

namespace Horizon.Flow.Testing;

/// <summary>Everything that may change speed and memory but never a result.</summary>
/// <param name="DeviceBuffers">See <see cref="PipelineOptions.DeviceBuffers"/>.</param>
/// <param name="GradientBuffers">See <see cref="PipelineOptions.GradientBuffers"/>.</param>
/// <param name="Slabs">See <see cref="PipelineOptions.GradientSlabs"/>.</param>
/// <param name="FetchAhead">See <see cref="PipelineOptions.FetchAhead"/>.</param>
/// <param name="Stage">See <see cref="PipelineOptions.StageCapacity"/>.</param>
/// <param name="HostThreads">See <see cref="TrainingOptions.HostThreads"/>.</param>
/// <param name="ReturnBuffers">See <see cref="PipelineOptions.ReturnBuffers"/>.</param>
/// <param name="Policies">Two bits a layer, see <see cref="PolicyOf"/>; 0 recomputes all.</param>
/// <param name="WeightsFirst">See <see cref="PipelineOptions.WeightsFirst"/>.</param>
public sealed record Capacities(
    int DeviceBuffers, int GradientBuffers, int Slabs, int FetchAhead, int Stage, int HostThreads, int ReturnBuffers = 2, int Policies = 0, double WeightsFirst = 0)
{
    /// <summary>Each from 1 to 4, and any policies.</summary>
    public static Gen<Capacities> Any =>
        from values in Gen.ArrayOf(Gen.Choose(1, 4), 7)
        from policies in Gen.Frequency((1, Gen.Constant(0)), (3, Gen.Choose(0, 255)))
        from late in Gen.Frequency((1, Gen.Constant(0.0)), (1, Gen.Constant(0.5)), (2, Gen.Constant(1.0)))
        select new Capacities(values[0], values[1], values[2], values[3], values[4], values[5], values[6], policies, late);

    /// <summary>Others, chosen by a number.</summary>
    public static Capacities Chosen(int seed)
    {
        var values = Enumerable.Range(0, 7).Select(i => 1 + ((seed >> i) % 4)).ToArray();
        return new(values[0], values[1], values[2], values[3], values[4], values[5], values[6], new Random(seed).Next(256), seed % 3 / 2.0);
    }

    /// <summary>What is done with a layer's activations.</summary>
    public ActivationPolicy PolicyOf(int layer) => ((Policies >> (2 * (layer % 4))) & 3) switch
    {
        1 => ActivationPolicy.Keep,
        2 => ActivationPolicy.Offload,
        3 => ActivationPolicy.KeepNarrow,
        _ => ActivationPolicy.Recompute,
    };

    /// <summary>As options, with weight buffers enough for a segment.</summary>
    public PipelineOptions Pipeline(int recomputeInterval) => new()
    {
        DeviceBuffers = Math.Max(DeviceBuffers, recomputeInterval),
        GradientBuffers = GradientBuffers,
        GradientSlabs = Slabs,
        FetchAhead = FetchAhead,
        StageCapacity = Stage,
        ReturnBuffers = ReturnBuffers,
        WeightsFirst = WeightsFirst,
    };
}
