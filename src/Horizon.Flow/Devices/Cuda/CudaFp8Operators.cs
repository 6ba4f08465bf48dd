using System.Runtime.InteropServices;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Devices;

/// <summary>
/// fp8 on a GPU that multiplies it: a kernel rounds a matrix and its transpose in one pass, the kernels in front of products find the largest number on their
/// way, and libtorch's <c>_scaled_mm</c> multiplies.
/// </summary>
internal sealed class CudaFp8Operators(CudaKernels kernels, CudaOperators operators, Device device) : IFp8Operators
{
    private const int Threads = 256;

    private static readonly Lazy<jit.CompilationUnit> Products = new(() => jit.compile("""
        def plain(a: Tensor, b: Tensor, a_scale: Tensor, b_scale: Tensor, output: Tensor, fast: bool) -> Tensor:
            return torch._scaled_mm(a, b.t(), a_scale, b_scale, None, None, None, fast, out=output)

        def biased(a: Tensor, b: Tensor, a_scale: Tensor, b_scale: Tensor, bias: Tensor, output: Tensor, fast: bool) -> Tensor:
            return torch._scaled_mm(a, b.t(), a_scale, b_scale, bias, None, None, fast, out=output)

        """));

    private readonly EagerFp8Operators _eager = new(operators);

    public IUnitOperators Between => operators;

    public string? Refusal(Fp8Options options)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var x = ones([128, 128], bfloat16, device);
        try
        {
            foreach (var (format, weight) in new[] { (Fp8Format.E4M3, true), (options.Gradients, false) })
            {
                var left = Quantize(x, new(format, options.Scaling, IsWeight: false, Straight: true, Transposed: false));
                var right = Quantize(x, new(Fp8Format.E4M3, options.Scaling, weight, Straight: true, Transposed: false));
                Multiply(left.Straight!, right.Straight!, empty_like(x));
            }

            return null;
        }
        catch (ExternalException error)
        {
            return $"libtorch has no products in fp8 with scales by {options.Scaling.ToString().ToLowerInvariant()} for it ({error.Message.Split('\n')[0].TrimEnd('.')})";
        }
    }

    public Fp8Pair Quantize(Tensor x, Fp8Cast cast, Tensor? maximum = null)
    {
        var (rows, columns, padding) = (x.shape[0], x.shape[1], Fp8Matrix.Padding(cast.Scaling));
        if (columns % padding != 0 || !CudaOperators.Fits(columns, x)) return _eager.Quantize(x, cast);
        var padded = Padded(rows, cast.Scaling);
        using var maxima = cast.Scaling switch
        {
            Fp8Scaling.Tensor => maximum is null ? Maximum(x) : maximum.alias(),
            Fp8Scaling.Row => Maxima(x),
            _ => null,
        };
        var straight = cast.Straight ? Empty(x, cast, rows, columns) : null;
        var transposed = cast.Transposed ? Empty(x, cast, columns, padded) : null;
        var kind = cast is { Scaling: Fp8Scaling.Block, IsWeight: true } ? "square" : cast.Scaling.ToString().ToLowerInvariant();
        kernels.Launch($"fp8_{kind}_{NameOf(cast.Format)}", Tiles(rows, columns), Threads, 0,
            x, maxima, straight?.Values, straight?.Scales, transposed?.Values, transposed?.Scales, rows, columns, padded);
        return new(straight, transposed);
    }

    public void Multiply(Fp8Matrix a, Fp8Matrix b, Tensor output, Tensor? bias = null, bool fast = false)
    {
        // Scales by block are read four at a time.
        if (a.Scaling == Fp8Scaling.Block && (a.Values.shape[0] % 4 != 0 || b.Values.shape[0] % 4 != 0))
        {
            _eager.Multiply(a, b, output, bias);
            return;
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (left, right) = a.Scaling switch
        {
            Fp8Scaling.Tensor => (a.Scales, b.Scales),
            Fp8Scaling.Row => (a.Scales, b.Scales.t()),
            _ => (a.Scales.t(), b.Scales),
        };
        fast &= a.Scaling != Fp8Scaling.Block;
        if (bias is not null && a.Scaling == Fp8Scaling.Tensor)
        {
            Products.Value.invoke("biased", a.Values, b.Values, left, right, bias, output, fast);
            return;
        }

        Products.Value.invoke("plain", a.Values, b.Values, left, right, output, fast);
        if (bias is not null) output.AddInPlace(bias);
    }

    public Fp8Norm Norm(Tensor x, Tensor? added, Tensor weight, double epsilon, Fp8Cast cast)
    {
        if (cast.Scaling != Fp8Scaling.Tensor || !CudaOperators.Fits(x.shape[1], x, added, weight) || x.shape[1] % Fp8Matrix.Padding(cast.Scaling) != 0)
        {
            var norm = operators.Norm(x, added, weight, epsilon);
            using (norm.Output) return new(norm.Sum, norm.Inverse, Quantize(norm.Output, cast), null);
        }

        // Once over the rows for their inverses and the largest number of all, and once to write them in fp8, never in bf16.
        var maximum = zeros([1], int32, x.device);
        var (sum, inverse) = operators.Norm(x, added, weight, epsilon, null, maximum);
        return new(sum, inverse, NormAgain(sum, inverse, weight, maximum, cast), maximum);
    }

    public Fp8Pair NormAgain(Tensor x, Tensor inverse, Tensor weight, Tensor? maximum, Fp8Cast cast)
    {
        if (maximum is null) return ((IFp8Operators)_eager).NormAgain(x, inverse, weight, maximum, cast);
        var (rows, columns, padded) = (x.shape[0], x.shape[1], Padded(x.shape[0], cast.Scaling));
        var straight = cast.Straight ? Empty(x, cast, rows, columns) : null;
        var transposed = cast.Transposed ? Empty(x, cast, columns, padded) : null;
        kernels.Launch("fp8_norm", Tiles(rows, columns), Threads, 0,
            x, inverse, weight, maximum, straight?.Values, straight?.Scales, transposed?.Values, transposed?.Scales, rows, columns, padded);
        return new(straight, transposed);
    }

    public Tensor NormBackward(Tensor gradient, Tensor x, Tensor weight, Tensor inverse, Tensor? added, Tensor? weightGradient, out Tensor? maximum)
    {
        maximum = CudaOperators.FitsBackward(x.shape[1], gradient, x, added) ? zeros([1], int32, x.device) : null;
        return operators.NormBackward(gradient, x, weight, inverse, added, weightGradient, maximum);
    }

    public Tensor JoinHeads(Tensor query, Tensor key, Tensor value, Tensor cosine, Tensor sine, out Tensor? maximum)
    {
        maximum = CudaOperators.FitsHeads(query, key, value, cosine, sine) ? zeros([1], int32, query.device) : null;
        return operators.JoinHeads(query, key, value, cosine, sine, maximum);
    }

    public Tensor Gate(Tensor gateAndUp, out Tensor? maximum)
    {
        maximum = CudaOperators.Fits(gateAndUp.shape[1] / 2, gateAndUp) ? zeros([1], int32, gateAndUp.device) : null;
        return operators.Gate(gateAndUp, maximum);
    }

    public Tensor GateAndHold(Tensor gateAndUp, out Tensor? maximum, out Fp8Matrix held)
    {
        var (rows, width) = (gateAndUp.shape[0], gateAndUp.shape[1] / 2);
        if (width % Fp8Matrix.Block != 0 || !CudaOperators.Fits(width, gateAndUp))
        {
            held = Quantize(gateAndUp, Fp8Cast.Held).Straight!;
            return Gate(gateAndUp, out maximum);
        }

        maximum = zeros([1], int32, gateAndUp.device);
        held = Empty(gateAndUp, Fp8Cast.Held, rows, 2 * width);
        var output = empty([rows, width], gateAndUp.dtype, gateAndUp.device);
        kernels.Launch("fp8_gate_hold", Math.Min(((rows * width / 8) + Threads - 1) / Threads, 32L * kernels.Processors), Threads, 0,
            gateAndUp, output, held.Values, held.Scales, rows, width, maximum);
        return output;
    }

    public (Fp8Pair? Gated, Fp8Pair Both) GateBackward(Tensor gradient, Tensor gateAndUp, bool asHeld, Fp8Cast? gated, Fp8Cast both)
    {
        if (Fits(gradient, gated, both) && CudaOperators.Fits(gradient.shape[1], gradient, gateAndUp) && !(asHeld && gradient.shape[1] % Fp8Matrix.Block != 0))
            return GateBackward(gradient, gateAndUp, null, asHeld ? "as_held" : "plain", gated, both);
        if (asHeld)
        {
            using var held = Quantize(gateAndUp, Fp8Cast.Held).Straight!;
            return GateBackward(gradient, held, gated, both);
        }

        operators.GateBackward(gradient, gateAndUp);
        return (gated is { } cast ? Quantize(gradient, cast) : null, Quantize(gateAndUp, both));
    }

    public (Fp8Pair? Gated, Fp8Pair Both) GateBackward(Tensor gradient, Fp8Matrix held, Fp8Cast? gated, Fp8Cast both)
    {
        if (Fits(gradient, gated, both) && gradient.shape[1] % Fp8Matrix.Block == 0 && CudaOperators.Fits(gradient.shape[1], gradient))
            return GateBackward(gradient, held.Values, held.Scales, "held", gated, both);
        using var wide = held.Widen(gradient.dtype);
        return GateBackward(gradient, wide, asHeld: false, gated, both);
    }

    // One scale for all.
    private static bool Fits(Tensor gradient, Fp8Cast? gated, Fp8Cast both) =>
        both is { Scaling: Fp8Scaling.Tensor, Straight: true } && gated is null or { Scaling: Fp8Scaling.Tensor, Format: Fp8Format.E4M3, Straight: false }
        && gradient.shape[1] % Fp8Matrix.Padding(Fp8Scaling.Tensor) == 0;

    // A pass that looks for the largest numbers and one that writes them in fp8, and none of them in bf16.
    private (Fp8Pair? Gated, Fp8Pair Both) GateBackward(Tensor gradient, Tensor gateAndUp, Tensor? scales, string source, Fp8Cast? gated, Fp8Cast both)
    {
        var (rows, width, padded) = (gradient.shape[0], gradient.shape[1], Padded(gradient.shape[0], Fp8Scaling.Tensor));
        using var maxima = zeros([2], int32, gradient.device);
        kernels.Launch($"fp8_gate_maxima_{source}", Math.Min(rows, 16L * kernels.Processors), Threads, 0, gradient, gateAndUp, scales, rows, width, maxima);
        var product = gated is { } wanted ? Empty(gradient, wanted, width, padded) : null;
        var straight = Empty(gradient, both, rows, 2 * width);
        var transposed = both.Transposed ? Empty(gradient, both, 2 * width, padded) : null;
        kernels.Launch($"fp8_gate_{NameOf(both.Format)}_{source}", Tiles(rows, width), Threads, 0,
            gradient, gateAndUp, scales, maxima, product?.Values, product?.Scales, straight.Values, straight.Scales, transposed?.Values, transposed?.Scales, rows, width, padded);
        return (product is null ? null : new(null, product), new(straight, transposed));
    }

    private Tensor Maximum(Tensor x)
    {
        var maximum = zeros([1], int32, x.device);
        var count = x.numel();
        kernels.Launch("fp8_maximum", Math.Min((count + (8 * Threads) - 1) / (8 * Threads), kernels.Processors * 8L), Threads, 0, x, count, maximum);
        return maximum;
    }

    private Tensor Maxima(Tensor x)
    {
        var (rows, columns) = (x.shape[0], x.shape[1]);
        var maxima = zeros([rows + columns], int32, x.device);
        kernels.Launch("fp8_maxima", Tiles(rows, columns), Threads, 0, x, rows, columns, maxima);
        return maxima;
    }

    private static Fp8Matrix Empty(Tensor x, Fp8Cast cast, long rows, long columns)
    {
        long[] scales = cast.Scaling switch
        {
            Fp8Scaling.Tensor => [1],
            Fp8Scaling.Row => [rows, 1],
            _ => [columns / Fp8Matrix.Block, rows],
        };
        return new(empty([rows, columns], cast.Format.TorchType(), x.device), empty(scales, float32, x.device), cast.Format, cast.Scaling);
    }

    private static string NameOf(Fp8Format format) => format == Fp8Format.E4M3 ? "e4m3" : "e5m2";

    private static long Padded(long rows, Fp8Scaling scaling) => (rows + Fp8Matrix.Padding(scaling) - 1) / Fp8Matrix.Padding(scaling) * Fp8Matrix.Padding(scaling);

    private static long Tiles(long rows, long columns) => (rows + 127) / 128 * ((columns + 127) / 128);
}
