using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Horizon.Flow.Host.Numerics;

/// <summary>
/// Sums squares in 32 fixed double partial sums: element i of a chunk goes to sum i mod 32, whatever the register width, and
/// the 32 are added pairwise at the end. So every <see cref="VectorPath"/> gives the same bits.
/// </summary>
internal static unsafe class SquareAccumulator
{
    /// <summary>Partial sums.</summary>
    private const int Sums = 32;

    /// <summary>The sum of the squares of <paramref name="count"/> numbers from element <paramref name="first"/> on.</summary>
    public static double Sum<TSource>(in TSource source, long first, int count, VectorPath path)
        where TSource : struct, ILaneSource
    {
        var sums = stackalloc double[Sums];
        new Span<double>(sums, Sums).Clear();
        var whole = count - (count % Sums);
        switch (path)
        {
            case VectorPath.Avx512: Wide(source, first, whole, sums); break;
            case VectorPath.Avx2: Narrow(source, first, whole, sums); break;
            default: whole = 0; break;
        }

        for (var i = whole; i < count; i++)
        {
            var value = (double)source.Load<PortableLanes>(first + i).Value;
            sums[i % Sums] += value * value;
        }

        for (var width = Sums / 2; width > 0; width /= 2)
            for (var i = 0; i < width; i++) sums[i] += sums[i + width];
        return sums[0];
    }

    [MethodImpl(Kernels.Loop)]
    private static void Wide<TSource>(TSource source, long first, int count, double* sums)
        where TSource : struct, ILaneSource
    {
        var (a, b, c, d) = (Vector512<double>.Zero, Vector512<double>.Zero, Vector512<double>.Zero, Vector512<double>.Zero);
        for (var i = 0; i < count; i += Sums)
        {
            var low = source.Load<Avx512Lanes>(first + i).Value;
            var high = source.Load<Avx512Lanes>(first + i + 16).Value;
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

    [MethodImpl(Kernels.Loop)]
    private static void Narrow<TSource>(TSource source, long first, int count, double* sums)
        where TSource : struct, ILaneSource
    {
        for (var group = 0; group < Sums; group += 16)
        {
            var (a, b, c, d) = (Vector256<double>.Zero, Vector256<double>.Zero, Vector256<double>.Zero, Vector256<double>.Zero);
            for (var i = group; i < count; i += Sums)
            {
                var low = source.Load<Avx2Lanes>(first + i).Value;
                var high = source.Load<Avx2Lanes>(first + i + 8).Value;
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
