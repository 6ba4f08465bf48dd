using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Horizon.Flow.Host;

/// <summary>
/// Sums squares in 32 fixed double partial sums: element i of a chunk goes to sum i mod 32, whatever the register width, and
/// the 32 are added pairwise at the end. So every <see cref="VectorPath"/> gives the same bits.
/// </summary>
internal static unsafe class SquareAccumulator
{
    /// <summary>Partial sums.</summary>
    private const int Sums = 32;

    /// <summary>The sum of the squares of <paramref name="count"/> numbers.</summary>
    public static double Sum(void* source, ElementType type, long first, int count, VectorPath path)
    {
        var sums = stackalloc double[Sums];
        new Span<double>(sums, Sums).Clear();
        var whole = count - (count % Sums);
        if (type == ElementType.BFloat16) Sum<BFloat16Gradient>(source, first, whole, count, path, sums);
        else Sum<Fp32Gradient>(source, first, whole, count, path, sums);
        for (var width = Sums / 2; width > 0; width /= 2)
            for (var i = 0; i < width; i++) sums[i] += sums[i + width];
        return sums[0];
    }

    private static void Sum<TFormat>(void* source, long first, int whole, int count, VectorPath path, double* sums)
        where TFormat : struct, IGradientFormat
    {
        switch (path)
        {
            case VectorPath.Avx512: Wide<TFormat>(source, first, whole, sums); break;
            case VectorPath.Avx2: Narrow<TFormat>(source, first, whole, sums); break;
            default: whole = 0; break;
        }

        for (var i = whole; i < count; i++)
        {
            var value = (double)TFormat.Load<PortableLanes>(source, first + i).Value;
            sums[i % Sums] += value * value;
        }
    }

    private static void Wide<TFormat>(void* source, long first, int count, double* sums)
        where TFormat : struct, IGradientFormat
    {
        var (a, b, c, d) = (Vector512<double>.Zero, Vector512<double>.Zero, Vector512<double>.Zero, Vector512<double>.Zero);
        for (var i = 0; i < count; i += Sums)
        {
            var low = TFormat.Load<Avx512Lanes>(source, first + i).Value;
            var high = TFormat.Load<Avx512Lanes>(source, first + i + 16).Value;
            a += Square(low.GetLower());
            b += Square(low.GetUpper());
            c += Square(high.GetLower());
            d += Square(high.GetUpper());
        }

        a.Store(sums);
        b.Store(sums + 8);
        c.Store(sums + 16);
        d.Store(sums + 24);

        static Vector512<double> Square(Vector256<float> values)
        {
            var wide = Avx512F.ConvertToVector512Double(values);
            return wide * wide;
        }
    }

    private static void Narrow<TFormat>(void* source, long first, int count, double* sums)
        where TFormat : struct, IGradientFormat
    {
        for (var group = 0; group < Sums; group += 16)
        {
            var (a, b, c, d) = (Vector256<double>.Zero, Vector256<double>.Zero, Vector256<double>.Zero, Vector256<double>.Zero);
            for (var i = group; i < count; i += Sums)
            {
                var low = TFormat.Load<Avx2Lanes>(source, first + i).Value;
                var high = TFormat.Load<Avx2Lanes>(source, first + i + 8).Value;
                a += Square(low.GetLower());
                b += Square(low.GetUpper());
                c += Square(high.GetLower());
                d += Square(high.GetUpper());
            }

            a.Store(sums + group);
            b.Store(sums + group + 4);
            c.Store(sums + group + 8);
            d.Store(sums + group + 12);
        }

        static Vector256<double> Square(Vector128<float> values)
        {
            var wide = Avx.ConvertToVector256Double(values);
            return wide * wide;
        }
    }
}
