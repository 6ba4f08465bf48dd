using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Units;

/// <summary>fp8 by libtorch's operators, against the format's definition and against fp64.</summary>
public class Fp8Tests
{
    private static readonly IFp8Operators Operators = new EagerOperators().Fp8!;

    [Cases(60)]
    public void Quantize_AnyMatrix_IsTheNearestOfEachScaledNumber(int seed, Fp8Format format, Fp8Scaling scaling, bool isWeight)
    {
        using var scope = NewDisposeScope();
        var (rows, columns) = Shape(seed, scaling);
        var x = Numbers(seed, rows, columns);
        var grid = new Fp8Grid(format);
        var pair = Operators.Quantize(tensor(x, [rows, columns]), new(format, scaling, isWeight, Straight: true, Transposed: true));

        var straight = new Entries(pair.Straight!);
        var transposed = new Entries(pair.Transposed!);
        var (ofRows, ofColumns) = (new Maxima(x, columns, scaling, isWeight, transposed: false), new Maxima(x, columns, scaling, isWeight, transposed: true));
        Assert.Equal([rows, columns], pair.Straight!.Values.shape);
        Assert.Equal(0, pair.Transposed!.Values.shape[1] % Fp8Matrix.Padding(scaling));
        for (var row = 0; row < pair.Transposed.Values.shape[1]; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                if (row >= rows)
                {
                    Assert.Equal(0, transposed.At(column, row));
                    continue;
                }

                var (byRow, byColumn) = (ofRows.At(row, column), ofColumns.At(row, column));
                AssertScale(grid.Largest, byRow, straight.Scale(row, column));
                AssertScale(grid.Largest, byColumn, transposed.Scale(column, row));
                // As it is rounded: the inverse of the scale in fp32, one product in fp32.
                Assert.Equal(grid.Round(x[(row * columns) + column] * Inverse(grid.Largest, byRow)), straight.At(row, column));
                Assert.Equal(grid.Round(x[(row * columns) + column] * Inverse(grid.Largest, byColumn)), transposed.At(column, row));
            }
        }
    }

    [Theory]
    [InlineData(Fp8Format.E4M3)]
    [InlineData(Fp8Format.E5M2)]
    public void Quantize_EveryNumberOfTheFormat_IsKept(Fp8Format format)
    {
        using var scope = NewDisposeScope();
        var grid = new Fp8Grid(format);
        var codes = Enumerable.Range(0, 256).Select(code => (byte)code).Where(code => format == Fp8Format.E4M3 ? (code & 127) != 127 : (code & 127) < 124).ToArray();
        var x = new float[256];
        for (var i = 0; i < codes.Length; i++) x[i] = (float)grid.Value(codes[i]);
        var pair = Operators.Quantize(tensor(x, [1, 256]), new(format, Fp8Scaling.Tensor, IsWeight: false, Straight: true, Transposed: false));
        Assert.Null(pair.Transposed);
        Assert.Equal(1f, pair.Straight!.Scales.item<float>());
        Assert.Equal(x, pair.Straight.Values.to(float32).data<float>().ToArray());
    }

    [Theory]
    [InlineData(Fp8Scaling.Tensor)]
    [InlineData(Fp8Scaling.Row)]
    [InlineData(Fp8Scaling.Block)]
    public void Multiply_OneNumberThatIsNotFinite_Shows(Fp8Scaling scaling)
    {
        using var scope = NewDisposeScope();
        foreach (var bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            var x = Numbers(1, 4, 256);
            x[300] = bad;
            var left = Operators.Quantize(tensor(x, [4, 256]), new(Fp8Format.E5M2, scaling, IsWeight: false, Straight: true, Transposed: false)).Straight!;
            var right = Operators.Quantize(tensor(Numbers(2, 16, 256), [16, 256]), new(Fp8Format.E4M3, scaling, IsWeight: true, Straight: true, Transposed: false)).Straight!;
            var output = empty(4, 16);
            Operators.Multiply(left, right, output);
            Assert.All(output[1].data<float>().ToArray(), number => Assert.Equal(float.NaN, number));
        }
    }

    [Fact]
    public void Multiply_Zeros_GiveZeros()
    {
        using var scope = NewDisposeScope();
        foreach (var scaling in Enum.GetValues<Fp8Scaling>())
        {
            var zero = Operators.Quantize(zeros(128, 128), new(Fp8Format.E4M3, scaling, IsWeight: true, Straight: true, Transposed: false)).Straight!;
            var output = empty(128, 128);
            Operators.Multiply(zero, zero, output);
            Assert.All(output.data<float>().ToArray(), number => Assert.Equal(0f, number));
        }
    }

    /// <summary>A norm's output once more has the bits of the first, and so has gate's backward of what was held and of what counts as held.</summary>
    [Cases(30)]
    public void Again_AnyMatrix_HasTheSameBits(int seed, Fp8Scaling scaling, Fp8Format format, bool narrow)
    {
        using var scope = NewDisposeScope();
        var random = new Random(seed);
        var (rows, columns) = (1 + random.Next(20), 128 * (1 + random.Next(2)));
        var type = narrow ? bfloat16 : float32;
        Tensor Random(int offset, int height, int width) => tensor(Numbers(seed + offset, height, width), [height, width]).to(type);
        var cast = new Fp8Cast(Fp8Format.E4M3, scaling, IsWeight: false, Straight: true, Transposed: true);
        var weight = Random(3, 1, columns).flatten();
        var norm = Operators.Norm(Random(0, rows, columns), Random(1, rows, columns), weight, 1e-6, cast);
        AssertSame(norm.Output, Operators.NormAgain(norm.Sum, norm.Inverse, weight, norm.Maximum, cast));

        var (both, gradient) = (Random(4, rows, 2 * columns), Random(5, rows, columns));
        var output = Operators.GateAndHold(both, out _, out var held);
        Assert.True(output.eq(Operators.Gate(both, out _)).all().item<bool>());
        var (of, ofBoth) = (cast with { Straight = false }, cast with { Format = format });
        var (gated, dBoth) = Operators.GateBackward(gradient.clone(), held, of, ofBoth);
        var (asHeldGated, asHeld) = Operators.GateBackward(gradient.clone(), both.clone(), asHeld: true, of, ofBoth);
        AssertSame(dBoth, asHeld);
        AssertSame(gated!, asHeldGated!);
        // Held numbers are off by a sixteenth at most, or by half the smallest step of a block whose largest is 448.
        var (wide, exact) = (held.Widen(float32), both.to(float32));
        var step = held.Scales.t().repeat_interleave(128, 1).Times(1.0 / 1024);
        Assert.True((wide - exact).abs().le(exact.abs().Times(1.001 / 16).Plus(step)).all().item<bool>());
    }

    private static void AssertSame(Fp8Pair expected, Fp8Pair found)
    {
        foreach (var (one, other) in new[] { (expected.Straight, found.Straight), (expected.Transposed, found.Transposed) })
        {
            Assert.Equal(one is null, other is null);
            if (one is null) continue;
            Assert.True(one.Values.to(float32).eq(other!.Values.to(float32)).all().item<bool>());
            Assert.True(one.Scales.eq(other.Scales).all().item<bool>());
        }
    }

    /// <summary>Each operand is off by at most half a step of its fraction, unless it is as small as the format's subnormal numbers, whose steps are even.</summary>
    [Cases(40)]
    public void Multiply_AnyMatrices_WithinTheRoundingOfTheirNumbers(int seed, Fp8Format format, Fp8Scaling scaling)
    {
        using var scope = NewDisposeScope();
        var random = new Random(seed);
        var inner = scaling == Fp8Scaling.Block ? 256 : 16 * (1 + random.Next(12));
        var (rows, columns) = (1 + random.Next(20), 16 * (1 + random.Next(3)));
        var (a, b) = (tensor(Numbers(seed, rows, inner), [rows, inner]), tensor(Numbers(seed + 1, columns, inner), [columns, inner]));
        var left = Operators.Quantize(a, new(format, scaling, IsWeight: false, Straight: true, Transposed: false)).Straight!;
        var right = Operators.Quantize(b, new(Fp8Format.E4M3, scaling, IsWeight: true, Straight: true, Transposed: false)).Straight!;
        var bias = tensor(Numbers(seed + 2, 1, columns), [columns]);
        var output = empty(rows, columns);
        Operators.Multiply(left, right, output, bias);

        var exact = a.to(float64).mm(b.to(float64).t()).Plus(bias.to(float64));
        var (offA, offB) = (Bound(a, format, left, rows, inner), Bound(b, Fp8Format.E4M3, right, columns, inner));
        var (sizeA, sizeB) = (a.to(float64).abs(), b.to(float64).abs());
        // |ab - a'b'| <= |a| offB + offA |b| + offA offB, and what fp32 sums add.
        var bound = sizeA.mm(offB.t()).Plus(offA.mm(sizeB.t())).Plus(offA.mm(offB.t())).Plus(sizeA.mm(sizeB.t()).Plus(bias.to(float64).abs()).Times(1e-5));
        Assert.True(output.to(float64).Plus(exact.negative()).abs().le(bound).all().item<bool>());
    }

    // How far a rounded number may be from the number: half a step of the fraction, or half the format's smallest step times the scale.
    private static Tensor Bound(Tensor x, Fp8Format format, Fp8Matrix matrix, int rows, int columns)
    {
        var (relative, smallest) = format == Fp8Format.E4M3 ? (1.0 / 16, Math.Pow(2, -9)) : (1.0 / 8, Math.Pow(2, -16));
        var entries = new Entries(matrix);
        var scales = new double[rows * columns];
        for (var i = 0; i < scales.Length; i++) scales[i] = entries.Scale(i / columns, i % columns);
        return maximum(x.to(float64).abs().Times(relative * 1.0001), tensor(scales, [rows, columns]).Times(smallest / 2 * 1.0001));
    }

    private static (int Rows, int Columns) Shape(int seed, Fp8Scaling scaling)
    {
        var random = new Random(seed);
        return (1 + random.Next(scaling == Fp8Scaling.Block ? 140 : 40), scaling == Fp8Scaling.Block ? 128 * (1 + random.Next(2)) : 16 * (1 + random.Next(4)));
    }

    // Over many powers of two, zeros among them.
    private static float[] Numbers(int seed, int rows, int columns)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows * columns).Select(_ => random.Next(12) == 0 ? 0f : (float)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-14, 4))))];
    }

    // The largest number of those that share a scale with x[row, column], where rows or columns are multiplied.
    private sealed class Maxima
    {
        private readonly Dictionary<(int, int), float> _largest = [];
        private readonly Func<int, int, (int, int)> _group;

        public Maxima(float[] x, int columns, Fp8Scaling scaling, bool isWeight, bool transposed)
        {
            _group = (row, column) => scaling switch
            {
                Fp8Scaling.Tensor => (0, 0),
                Fp8Scaling.Row => transposed ? (0, column) : (row, 0),
                _ when isWeight => (row / 128, column / 128),
                _ => transposed ? (row / 128, column) : (row, column / 128),
            };
            for (var i = 0; i < x.Length; i++)
            {
                var group = _group(i / columns, i % columns);
                _largest[group] = Math.Max(_largest.GetValueOrDefault(group), Math.Abs(x[i]));
            }
        }

        public float At(int row, int column) => _largest[_group(row, column)];
    }

    private static float Inverse(double limit, float largest) => Math.Min((float)limit * (1f / largest), (float)Math.Pow(2, 126));

    private static void AssertScale(double limit, float largest, float scale) => Assert.Equal(1f / Inverse(limit, largest), scale);

    private sealed class Entries(Fp8Matrix matrix)
    {
        private readonly float[] _values = matrix.Values.to(float32).data<float>().ToArray();
        private readonly float[] _scales = matrix.Scales.data<float>().ToArray();
        private readonly (int Rows, int Columns) _shape = ((int)matrix.Values.shape[0], (int)matrix.Values.shape[1]);

        public float At(int row, int column) => _values[(row * _shape.Columns) + column];

        public float Scale(int row, int column) => _scales[matrix.Scaling switch
        {
            Fp8Scaling.Tensor => 0,
            Fp8Scaling.Row => row,
            _ => ((column / 128) * _shape.Rows) + row,
        }];
    }
}
