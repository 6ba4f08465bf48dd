using static TorchSharp.torch;

namespace Horizon.Flow.Units;

// Letters: R rows, C columns, P columns with their padding, B = P / 128 blocks.

/// <summary>fp8 by libtorch's own operators, on every device: numbers are rounded to fp8, and multiplied and summed in fp32.</summary>
/// <param name="operators">What lies between the products.</param>
internal sealed class EagerFp8Operators(IUnitOperators operators) : IFp8Operators
{
    // So that a scale is no less than the smallest normal number: also where all numbers are zero.
    private const float LargestInverse = 8.5070592e37f; // 2^126

    public IUnitOperators Between => operators;

    public string? Refusal(Fp8Options options) => null;

    public Fp8Pair Quantize(Tensor x, Fp8Cast cast, Tensor? maximum = null)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var wide_RC = x.to(float32);
        var straight = cast.Straight ? Round(wide_RC, cast) : null;
        var transposed = cast.Transposed ? Round(Padded(wide_RC.t(), cast.Scaling), cast) : null;
        return new(MovedOut(straight), MovedOut(transposed));
    }

    public void Multiply(Fp8Matrix a, Fp8Matrix b, Tensor output, Tensor? bias = null, bool fast = false)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var product = a.Widen(float32).mm(b.Widen(float32).t());
        output.copy_(bias is null ? product : product.AddInPlace(bias));
    }

    private static Fp8Matrix Round(Tensor x_RP, Fp8Cast cast)
    {
        var size = x_RP.abs();
        // [1, 1], [R, 1], or [R, B, 1] beside numbers in blocks.
        var maximum = cast.Scaling switch
        {
            Fp8Scaling.Tensor => size.amax([0, 1], keepdim: true),
            Fp8Scaling.Row => size.amax([1], keepdim: true),
            _ => Fp8Matrix.InBlocks(size).amax([2], keepdim: true),
        };
        if (cast is { Scaling: Fp8Scaling.Block, IsWeight: true }) maximum = OfSquares(maximum);
        var inverse = maximum.Dividing(cast.Format.Largest());
        inverse = inverse.With(LargestInverse, static (x, largest) => x.clamp_max(largest)); // a NaN stays one
        var blocks = cast.Scaling == Fp8Scaling.Block ? Fp8Matrix.InBlocks(x_RP) : x_RP;
        var values = (blocks * inverse).view(x_RP.shape).to(cast.Format.TorchType());
        var scales = inverse.reciprocal();
        return new(values, cast.Scaling switch
        {
            Fp8Scaling.Tensor => scales.view(1),
            Fp8Scaling.Row => scales,
            _ => scales.squeeze(2).t().contiguous(),
        }, cast.Format, cast.Scaling);
    }

    // [R, B, 1] of [R, B, 1]: the largest of each 128 rows.
    private static Tensor OfSquares(Tensor maximum_RB1)
    {
        var rows = maximum_RB1.shape[0];
        var padded = nn.functional.pad(maximum_RB1, [0, 0, 0, 0, 0, Missing(rows, Fp8Matrix.Block)]);
        var squares = padded.unflatten(0, padded.shape[0] / Fp8Matrix.Block, Fp8Matrix.Block).amax([1], keepdim: true);
        return squares.expand(-1, Fp8Matrix.Block, -1, -1).flatten(0, 1).narrow(0, 0, rows);
    }

    private static Tensor Padded(Tensor x, Fp8Scaling scaling) => nn.functional.pad(x, [0, Missing(x.shape[1], Fp8Matrix.Padding(scaling))]).contiguous();

    private static long Missing(long count, int multiple) => (multiple - (count % multiple)) % multiple;

    private static Fp8Matrix? MovedOut(Fp8Matrix? matrix)
    {
        matrix?.Values.MoveToOuterDisposeScope();
        matrix?.Scales.MoveToOuterDisposeScope();
        return matrix;
    }
}
