using System.Numerics;

namespace Horizon.Flow.Host;

/// <summary>
/// Some fp32 numbers side by side: the width in which an update rule is written once and runs on every
/// <see cref="VectorPath"/>. All operations round to nearest even, as one element alone would.
/// </summary>
internal unsafe interface ILanes<TSelf> :
    IAdditionOperators<TSelf, TSelf, TSelf>,
    ISubtractionOperators<TSelf, TSelf, TSelf>,
    IMultiplyOperators<TSelf, TSelf, TSelf>,
    IDivisionOperators<TSelf, TSelf, TSelf>
    where TSelf : struct, ILanes<TSelf>
{
    /// <summary>How many numbers.</summary>
    static abstract int Width { get; }

    /// <summary>The same number in every lane.</summary>
    static abstract TSelf Of(float value);

    /// <summary>Reads fp32.</summary>
    static abstract TSelf Load(float* source);

    /// <summary>Reads bf16, exactly.</summary>
    static abstract TSelf LoadBFloat16(ushort* source);

    /// <summary>Reads exact masters (see <see cref="ExactMaster"/>).</summary>
    static abstract TSelf LoadMaster(ushort* weight, short* difference);

    /// <summary>Square roots, correctly rounded.</summary>
    static abstract TSelf Sqrt(TSelf value);

    /// <summary>-1, 0 or 1; 0 for NaN.</summary>
    static abstract TSelf Sign(TSelf value);

    /// <summary>Writes fp32.</summary>
    void Store(float* target);

    /// <summary>Writes exact masters (see <see cref="ExactMaster"/>).</summary>
    void StoreMaster(ushort* weight, short* difference);
}
