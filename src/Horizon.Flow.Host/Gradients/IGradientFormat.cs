using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Host.Gradients;

/// <summary>How gradients lie in memory, for code that is compiled once for each.</summary>
internal unsafe interface IGradientFormat
{
    /// <summary>Bytes of an element.</summary>
    static abstract int ElementBytes { get; }

    /// <summary>Reads gradients from element <paramref name="index"/> on.</summary>
    static abstract TLanes Load<TLanes>(void* gradient, long index)
        where TLanes : struct, IMemoryLanes<TLanes>;
}

/// <summary>fp32.</summary>
internal readonly unsafe struct Fp32Gradient : IGradientFormat
{
    public static int ElementBytes => sizeof(float);

    public static TLanes Load<TLanes>(void* gradient, long index)
        where TLanes : struct, IMemoryLanes<TLanes> => TLanes.Load((float*)gradient + index);
}

/// <summary>bf16.</summary>
internal readonly unsafe struct BFloat16Gradient : IGradientFormat
{
    public static int ElementBytes => sizeof(ushort);

    public static TLanes Load<TLanes>(void* gradient, long index)
        where TLanes : struct, IMemoryLanes<TLanes> => TLanes.LoadBFloat16((ushort*)gradient + index);
}
