using static TorchSharp.torch;

namespace Horizon.Flow.Units;

// Letters: R rows, C columns, T tokens, H width, F feed-forward width.

/// <summary>
/// Matrix products in fp8, and the operators in front of them where these find the largest number on their way. The rules of
/// <see cref="IUnitOperators"/> hold. A number that is not finite makes all that share its scale NaN, so that it shows.
/// </summary>
public interface IFp8Operators
{
    /// <summary>The device's operators between products.</summary>
    IUnitOperators Between { get; }

    /// <summary>Why the device cannot multiply so; null where it can.</summary>
    /// <param name="options">How.</param>
    string? Refusal(Fp8Options options);

    /// <summary>Rounds a matrix to fp8, to nearest with ties to even, each number times what brings the largest of those that share its scale to the format's largest.</summary>
    /// <param name="x">[R, C] bf16 or fp32, contiguous; C a multiple of <see cref="Fp8Matrix.Padding"/>.</param>
    /// <param name="cast">What is wanted.</param>
    /// <param name="maximum">Of x, as an operator of this object gave it; null to look for it.</param>
    Fp8Pair Quantize(Tensor x, Fp8Cast cast, Tensor? maximum = null);

    /// <summary>a b^T, in fp32 and rounded once.</summary>
    /// <param name="a">[M, K].</param>
    /// <param name="b">[N, K], of the same scaling; <see cref="Fp8Format.E4M3"/>.</param>
    /// <param name="output">[M, N], contiguous; overwritten. Its type is the one that is rounded to.</param>
    /// <param name="bias">[N], added; null for none.</param>
    /// <param name="fast">Whether a GPU may sum in fewer bits.</param>
    void Multiply(Fp8Matrix a, Fp8Matrix b, Tensor output, Tensor? bias = null, bool fast = false);

    /// <summary><see cref="IUnitOperators.Norm"/>.</summary>
    /// <param name="x">[T, H].</param>
    /// <param name="added">[T, H], added first; null for none.</param>
    /// <param name="weight">[H].</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="maximum">Of the output; null where it was not found.</param>
    NormResult Norm(Tensor x, Tensor? added, Tensor weight, double epsilon, out Tensor? maximum);

    /// <summary><see cref="IUnitOperators.Gate"/>.</summary>
    /// <param name="gateAndUp">[T, 2F].</param>
    /// <param name="maximum">Of the result; null where it was not found.</param>
    Tensor Gate(Tensor gateAndUp, out Tensor? maximum);

    /// <summary><see cref="IUnitOperators.GateBackward"/>, and both of its results in fp8.</summary>
    /// <param name="gradient">[T, F]; what it holds afterwards is not said.</param>
    /// <param name="gateAndUp">[T, 2F]; what it holds afterwards is not said.</param>
    /// <param name="gated">What is wanted of [T, F], what <see cref="Gate"/> gave; null for nothing.</param>
    /// <param name="both">What is wanted of [T, 2F], the gradient of gate and up.</param>
    (Fp8Pair? Gated, Fp8Pair Both) GateBackward(Tensor gradient, Tensor gateAndUp, Fp8Cast? gated, Fp8Cast both)
    {
        ArgumentNullException.ThrowIfNull(gradient);
        ArgumentNullException.ThrowIfNull(gateAndUp);
        Between.GateBackward(gradient, gateAndUp);
        return (gated is { } cast ? Quantize(gradient, cast) : null, Quantize(gateAndUp, both));
    }
}
