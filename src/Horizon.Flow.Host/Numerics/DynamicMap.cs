using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Horizon.Flow.Host.Numerics;

/// <summary>
/// The 8-bit numbers of dynamic tree quantization (Dettmers et al., arXiv 2110.02861, section 2.2) for values scaled into [-1, 1] or
/// [0, 1]: seven decades 1e-7..1e-6 to 0.1..1, the k-th from below with 2^k bins (twice as many without sign), each bin
/// represented by its middle, and also 0 and 1. The same 256 numbers as bitsandbytes', under other codes: code 0 is
/// the number 0, so that zeroed memory is a zero state; then the magnitudes upwards; bit 7 is the sign in the signed map, where
/// 0x80 is 1.
/// </summary>
/// <remarks>
/// To encode, the decade is found by comparing with the seven borders between decades, and the bin by one multiplication and
/// addition: arithmetic that every register width does alike, and the nearest number but for ties.
/// </remarks>
internal sealed unsafe class DynamicMap
{
    private const int Decades = 7;

    // values[256], then lowest[8], scale[8], offset[8], last[8], of which element 0 stands for what becomes 0, and spans[16], starts[16].
    private readonly float* _tables;
    private readonly CodeTable _codes;
    private readonly float _top;

    private DynamicMap(bool signed)
    {
        // Lives as long as the program.
        _tables = (float*)NativeMemory.AllocZeroed(256 + (4 * 8) + (2 * 16), sizeof(float));
        _codes = new(_tables, _tables + 288, _tables + 304, signed);
        var (lowest, scale, offset, last) = (256, 264, 272, 280);
        var rank = 1;
        for (var decade = 1; decade <= Decades; decade++)
        {
            var bins = signed ? 1 << (decade - 1) : 1 << decade;
            var unit = Math.Pow(10, decade - Decades);
            var width = 0.9 * unit / bins;
            _tables[scale + decade] = (float)(1 / width);
            _tables[offset + decade] = (float)(rank - (0.1 * unit / width));
            _tables[last + decade] = rank + bins - 1;
            var (span, start) = ((float)(0.9 * unit), (float)(0.1 * unit));
            var exponent = signed ? decade - 1 : decade;
            (_codes.Spans[exponent], _codes.Starts[exponent]) = (span, start);
            for (var bin = 0; bin < bins; bin++) _tables[rank++] = (span * ((bin + 0.5f) / bins)) + start;
            _tables[lowest + decade] = Middle(_tables[rank - bins - 1], _tables[rank - bins]);
        }

        _tables[rank] = 1;
        if (!signed) _codes.Starts[Decades + 1] = 1;
        _top = Middle(_tables[rank - 1], 1);
        for (var code = 129; signed && code < 256; code++) _tables[code] = -_tables[code - 128];
    }

    /// <summary>For first moments.</summary>
    public static DynamicMap Signed { get; } = new(signed: true);

    /// <summary>For second moments. Only 0 becomes 0: an element with a first moment but no second would make a huge step.</summary>
    public static DynamicMap Unsigned { get; } = new(signed: false);

    /// <summary>The number of each code.</summary>
    public ReadOnlySpan<float> Values => new(_tables, 256);

    /// <summary>The numbers of some codes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TLanes Decode<TLanes>(byte* codes)
        where TLanes : struct, IMemoryLanes<TLanes> => TLanes.Decode(_codes, codes);

    /// <summary>Writes the codes of some numbers; what is outside the map's range becomes its end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Encode<TLanes>(TLanes value, byte* codes)
        where TLanes : struct, IMemoryLanes<TLanes>
    {
        var magnitude = _codes.IsSigned ? TLanes.Abs(value) : value;
        var decade = TLanes.Reached(magnitude, _tables + 257);
        var rank = (magnitude * TLanes.Pick(_tables + 264, decade)) + TLanes.Pick(_tables + 272, decade);
        rank = TLanes.Min(rank, TLanes.Pick(_tables + 280, decade));
        if (!_codes.IsSigned) rank = TLanes.Max(rank, TLanes.AtLeast(magnitude, TLanes.Of(float.Epsilon)));
        rank = TLanes.AddWhereAtLeast(rank, value, TLanes.Of(_top), TLanes.Of(1));
        if (_codes.IsSigned) rank = TLanes.AddWhereAtLeast(rank, TLanes.Of(0) - value, TLanes.Of(_tables[257]), TLanes.Of(128));
        rank.StoreBytes(codes);
    }

    private static float Middle(double low, double high) => (float)((low + high) / 2);
}
