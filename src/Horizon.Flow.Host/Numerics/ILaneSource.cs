namespace Horizon.Flow.Host.Numerics;

/// <summary>Numbers that are read or computed on the way, some at a time.</summary>
internal interface ILaneSource
{
    /// <summary>The numbers from element <paramref name="index"/> on.</summary>
    TLanes Load<TLanes>(long index)
        where TLanes : struct, IMemoryLanes<TLanes>;
}
