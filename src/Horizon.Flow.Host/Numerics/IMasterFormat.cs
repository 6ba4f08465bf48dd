using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.Numerics;

/// <summary>How masters lie in memory (<see cref="StorePrecision"/>), for code that is compiled once for each.</summary>
internal unsafe interface IMasterFormat
{
    /// <summary>Bytes of a weight.</summary>
    static abstract int WeightBytes { get; }

    /// <summary>Bytes of a difference; 0 where there is none.</summary>
    static abstract int DifferenceBytes { get; }

    /// <summary>Reads masters from element <paramref name="index"/> on.</summary>
    static abstract TLanes Load<TLanes>(void* weights, short* difference, long index)
        where TLanes : struct, IMemoryLanes<TLanes>;

    /// <summary>Writes masters from element <paramref name="index"/> on.</summary>
    static abstract void Store<TLanes>(TLanes master, void* weights, short* difference, long index)
        where TLanes : struct, IMemoryLanes<TLanes>;
}

/// <summary><see cref="StorePrecision.Fp32"/>.</summary>
internal readonly unsafe struct Fp32Masters : IMasterFormat
{
    public static int WeightBytes => sizeof(float);

    public static int DifferenceBytes => 0;

    public static TLanes Load<TLanes>(void* weights, short* difference, long index)
        where TLanes : struct, IMemoryLanes<TLanes> => TLanes.Load((float*)weights + index);

    public static void Store<TLanes>(TLanes master, void* weights, short* difference, long index)
        where TLanes : struct, IMemoryLanes<TLanes> => master.Store((float*)weights + index);
}

/// <summary><see cref="StorePrecision.Bf16"/>.</summary>
internal readonly unsafe struct ExactMasters : IMasterFormat
{
    public static int WeightBytes => sizeof(ushort);

    public static int DifferenceBytes => sizeof(short);

    public static TLanes Load<TLanes>(void* weights, short* difference, long index)
        where TLanes : struct, IMemoryLanes<TLanes> => TLanes.LoadMaster((ushort*)weights + index, difference + index);

    public static void Store<TLanes>(TLanes master, void* weights, short* difference, long index)
        where TLanes : struct, IMemoryLanes<TLanes> => master.StoreMaster((ushort*)weights + index, difference + index);
}
