using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Blocks;

/// <summary>
/// Makes a matrix nearly orthogonal with five steps of a quintic Newton-Schulz iteration (Keller Jordan et al., "Muon: An optimizer for hidden
/// layers in neural networks", 2024, https://kellerjordan.github.io/posts/muon/): every singular value s of the matrix over its Frobenius
/// norm becomes p(p(p(p(p(s))))) with p(s) = 3.4445 s - 4.7750 s^3 + 2.0315 s^5, near 1 unless s is tiny; singular vectors stay.
/// </summary>
public static class NewtonSchulz
{
    private const int Steps = 5;
    private const double A = 3.4445;
    private const double B = -4.7750;
    private const double C = 2.0315;
    private const double Epsilon = 1e-7;

    /// <summary>The nearly orthogonal matrix. Runs in the type of the input; the norm is taken in fp32.</summary>
    /// <param name="matrix">[rows, columns], fp32 or bf16; unchanged, owned by the caller.</param>
    /// <returns>[rows, columns], owned by the caller.</returns>
    public static Tensor Orthogonalize(Tensor matrix)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var isTall = matrix.shape[0] > matrix.shape[1]; // the products are cheaper on the short side
        var norm = matrix.to(float32).norm().Plus(Epsilon).to(matrix.dtype);
        var x = (isTall ? matrix.t() : matrix).div(norm);
        for (var step = 0; step < Steps; step++) x = Step(x);
        return (isTall ? x.t() : x).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Bytes of temporaries on the device, beside the matrix itself.</summary>
    internal static long WorkingBytes(long rows, long columns, int element)
    {
        var shorter = Math.Min(rows, columns);
        return (3 * rows * columns * element) + (3 * shorter * shorter * element);
    }

    private static Tensor Step(Tensor x)
    {
        using var scope = NewDisposeScope();
        var square = x.matmul(x.t());
        var polynomial = square.matmul(square).TimesInPlace(C).AddInPlace(square, B);
        var next = polynomial.matmul(x).AddInPlace(x, A);
        x.Dispose();
        return next.MoveToOuterDisposeScope();
    }
}
