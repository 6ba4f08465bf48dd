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

    /// <summary>The larger of each two; the right one where either is NaN.</summary>
    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>The smaller of each two; the right one where either is NaN.</summary>
    static abstract TSelf Min(TSelf left, TSelf right);

    /// <summary>The largest of all lanes, none of which is NaN.</summary>
    static abstract float Largest(TSelf value);

    /// <summary>1 where <paramref name="value"/> is at least <paramref name="threshold"/>, else 0.</summary>
    static abstract TSelf AtLeast(TSelf value, TSelf threshold);

    /// <summary>Elements of a table of 8 numbers.</summary>
    /// <param name="table">8 numbers.</param>
    /// <param name="index">Whole numbers from 0 to 7.</param>
    static abstract TSelf Pick(float* table, TSelf index);

    /// <summary>Elements of a table of 256 numbers.</summary>
    /// <param name="table">256 numbers.</param>
    /// <param name="codes">As many bytes as there are lanes.</param>
    static abstract TSelf LookUp(float* table, byte* codes);

    /// <summary>Writes numbers from 0 to 255 as bytes, without their fractions.</summary>
    void StoreBytes(byte* target);

    /// <summary>Writes fp32.</summary>
    void Store(float* target);

    /// <summary>Writes exact masters (see <see cref="ExactMaster"/>).</summary>
    void StoreMaster(ushort* weight, short* difference);
}
