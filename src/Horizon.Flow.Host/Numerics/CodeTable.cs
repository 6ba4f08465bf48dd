namespace Horizon.Flow.Host.Numerics;

/// <summary>The numbers of a <see cref="DynamicMap"/>'s codes, as a table and as what it was made from.</summary>
/// <param name="numbers">The number of each code, 256 of them.</param>
/// <param name="spans">See <see cref="Spans"/>.</param>
/// <param name="starts">See <see cref="Starts"/>.</param>
/// <param name="isSigned">See <see cref="IsSigned"/>.</param>
internal readonly unsafe struct CodeTable(float* numbers, float* spans, float* starts, bool isSigned)
{
    /// <summary>The number of each code, 256 of them.</summary>
    public float* Numbers => numbers;

    /// <summary>
    /// How far each decade goes beyond its start, 16 numbers; a code's place in that is the mantissa of an odd number, whose exponent modulo 16 says which: 2 * magnitude + 1 in the signed map,
    /// 2 * magnitude + 3 in the other.
    /// </summary>
    public float* Spans => spans;

    /// <summary>Where each decade starts, 16 numbers.</summary>
    public float* Starts => starts;

    /// <summary>Whether bit 7 of a code is the sign.</summary>
    public bool IsSigned => isSigned;
}
