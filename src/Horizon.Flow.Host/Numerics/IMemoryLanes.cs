namespace Horizon.Flow.Host.Numerics;

/// <summary>Lanes with their ways from and to memory: the width in which a sweep runs on one <see cref="VectorPath"/>.</summary>
internal unsafe interface IMemoryLanes<TSelf> : ILanes<TSelf>
    where TSelf : struct, IMemoryLanes<TSelf>
{
    /// <summary>Reads fp32.</summary>
    static abstract TSelf Load(float* source);

    /// <summary>Reads bf16, exactly.</summary>
    static abstract TSelf LoadBFloat16(ushort* source);

    /// <summary>Reads exact masters (see <see cref="ExactMaster"/>).</summary>
    static abstract TSelf LoadMaster(ushort* weight, short* difference);

    /// <summary>The largest of all lanes, none of which is NaN.</summary>
    static abstract float Largest(TSelf value);

    /// <summary>Without their signs.</summary>
    static abstract TSelf Abs(TSelf value);

    /// <summary>The sum, and where <paramref name="value"/> is at least <paramref name="threshold"/> the amount too.</summary>
    static abstract TSelf AddWhereAtLeast(TSelf sum, TSelf value, TSelf threshold, TSelf amount);

    /// <summary>How many of seven thresholds each number reaches, as an index for <see cref="Pick"/>: whole numbers in the bits of the lanes.</summary>
    /// <param name="value">The numbers; NaN reaches none.</param>
    /// <param name="thresholds">7 numbers.</param>
    static abstract TSelf Reached(TSelf value, float* thresholds);

    /// <summary>Elements of a table of 8 numbers.</summary>
    /// <param name="table">8 numbers.</param>
    /// <param name="index">As <see cref="Reached"/> gives it.</param>
    static abstract TSelf Pick(float* table, TSelf index);

    /// <summary>The numbers of some codes.</summary>
    /// <param name="table">What they mean.</param>
    /// <param name="codes">As many bytes as there are lanes.</param>
    static abstract TSelf Decode(in CodeTable table, byte* codes);

    /// <summary>Writes numbers from 0 to 255 as bytes, without their fractions.</summary>
    void StoreBytes(byte* target);

    /// <summary>Writes fp32.</summary>
    void Store(float* target);

    /// <summary>Writes exact masters (see <see cref="ExactMaster"/>).</summary>
    void StoreMaster(ushort* weight, short* difference);
}
