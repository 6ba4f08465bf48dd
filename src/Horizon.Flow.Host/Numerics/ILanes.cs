using System.Numerics;
using Horizon.Flow.Host.Optimizers;

namespace Horizon.Flow.Host.Numerics;

/// <summary>
/// Some fp32 numbers side by side: an update rule is written once over them (<see cref="IElementRule{TSelf}"/>) and runs in every width that
/// the processor has. All operations round to nearest even, as one element alone would, so that every width gives the same bits.
/// </summary>
/// <typeparam name="TSelf">The numbers, of one width.</typeparam>
public interface ILanes<TSelf> :
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

    /// <summary>Square roots, correctly rounded.</summary>
    static abstract TSelf Sqrt(TSelf value);

    /// <summary>-1, 0 or 1; 0 for NaN.</summary>
    static abstract TSelf Sign(TSelf value);

    /// <summary>The larger of each two; the right one where either is NaN.</summary>
    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>The smaller of each two; the right one where either is NaN.</summary>
    static abstract TSelf Min(TSelf left, TSelf right);

    /// <summary>1 where <paramref name="value"/> is at least <paramref name="threshold"/>, else 0.</summary>
    static abstract TSelf AtLeast(TSelf value, TSelf threshold);
}
