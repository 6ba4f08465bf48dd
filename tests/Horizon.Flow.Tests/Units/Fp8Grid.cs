using Horizon.Flow.Units;

namespace Horizon.Flow.Tests.Units;

/// <summary>The numbers of a format written out from its definition (arXiv 2209.05433, table 1), and rounding by looking for the nearest.</summary>
internal sealed class Fp8Grid
{
    private readonly List<(double Value, byte Code)> _numbers = [];

    public Fp8Grid(Fp8Format format)
    {
        var (fractionBits, bias) = format == Fp8Format.E4M3 ? (3, 7) : (2, 15);
        for (var code = 0; code < 128; code++)
        {
            var (exponent, fraction) = (code >> fractionBits, code & ((1 << fractionBits) - 1));
            if (format == Fp8Format.E4M3 ? code == 127 : exponent == 31) continue; // NaN, infinities
            var part = fraction / (double)(1 << fractionBits);
            _numbers.Add((exponent == 0 ? part * Math.Pow(2, 1 - bias) : (1 + part) * Math.Pow(2, exponent - bias), (byte)code));
        }
    }

    public double Largest => _numbers[^1].Value;

    /// <summary>The number that a code stands for.</summary>
    public double Value(byte code) => (code < 128 ? 1 : -1) * _numbers[code & 127].Value;

    /// <summary>The nearest number; of two as near the one whose code is even.</summary>
    public float Round(float x)
    {
        var size = Math.Abs((double)x);
        var (value, _) = _numbers.OrderBy(number => Math.Abs(number.Value - size)).ThenBy(number => number.Code & 1).First();
        return (float)(float.IsNegative(x) ? -value : value);
    }
}
