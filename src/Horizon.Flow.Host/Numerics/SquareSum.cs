namespace Horizon.Flow.Host.Numerics;

/// <summary>The sum of the squares of some gradient elements.</summary>
/// <param name="Value">
/// Summed in double, in which the square of no finite fp32 number overflows: it is finite exactly if every element is.
/// </param>
public readonly record struct SquareSum(double Value)
{
    /// <summary>Whether no element is NaN or infinite.</summary>
    public bool IsFinite => double.IsFinite(Value);

    /// <summary>Two sums together. Add units in a fixed order, and the total is the same bit for bit in every run.</summary>
    public static SquareSum operator +(SquareSum left, SquareSum right) => Add(left, right);

    /// <summary>Two sums together.</summary>
    public static SquareSum Add(SquareSum left, SquareSum right) => new(left.Value + right.Value);
}
