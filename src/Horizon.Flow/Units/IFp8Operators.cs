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

    /// <summary><see cref="IUnitOperators.Norm"/>, its output in fp8.</summary>
    /// <param name="x">[T, H].</param>
    /// <param name="added">[T, H], added first; null for none.</param>
    /// <param name="weight">[H].</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="cast">What is wanted of the output.</param>
    Fp8Norm Norm(Tensor x, Tensor? added, Tensor weight, double epsilon, Fp8Cast cast)
    {
        var norm = Between.Norm(x, added, weight, epsilon);
        using (norm.Output) return new(norm.Sum, norm.Inverse, Quantize(norm.Output, cast), null);
    }

    /// <summary>The output of <see cref="Norm"/> once more, the same bits.</summary>
    /// <param name="x">[T, H]: what was normalized.</param>
    /// <param name="inverse">[T, 1] fp32, from <see cref="Norm"/>.</param>
    /// <param name="weight">[H].</param>
    /// <param name="maximum">From <see cref="Norm"/>.</param>
    /// <param name="cast">What is wanted of the output.</param>
    Fp8Pair NormAgain(Tensor x, Tensor inverse, Tensor weight, Tensor? maximum, Fp8Cast cast)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var wide = x.to(float32, copy: true);
        using var unit = wide.mul_(inverse).to(x.dtype);
        using var output = weight * unit;
        return Quantize(output, cast, maximum);
    }

    /// <summary><see cref="IUnitOperators.NormBackward"/>.</summary>
    /// <param name="gradient">[T, H], of the norm's output.</param>
    /// <param name="x">[T, H]: what was normalized.</param>
    /// <param name="weight">[H].</param>
    /// <param name="inverse">[T, 1] fp32, from <see cref="Norm"/>.</param>
    /// <param name="added">[T, H]: another gradient of the same input, added; null for none.</param>
    /// <param name="weightGradient">[H], overwritten; null where it is not wanted.</param>
    /// <param name="maximum">Of the result; null where it was not found.</param>
    Tensor NormBackward(Tensor gradient, Tensor x, Tensor weight, Tensor inverse, Tensor? added, Tensor? weightGradient, out Tensor? maximum)
    {
        maximum = null;
        return Between.NormBackward(gradient, x, weight, inverse, added, weightGradient);
    }

    /// <summary><see cref="IUnitOperators.JoinHeads"/>.</summary>
    /// <param name="query">[T, Q, D].</param>
    /// <param name="key">[T, K, D].</param>
    /// <param name="value">[T, K, D].</param>
    /// <param name="cosine">[T, 1, D] in the type of the heads.</param>
    /// <param name="sine">[T, 1, D], negative in the first half.</param>
    /// <param name="maximum">Of the result; null where it was not found.</param>
    Tensor JoinHeads(Tensor query, Tensor key, Tensor value, Tensor cosine, Tensor sine, out Tensor? maximum)
    {
        maximum = null;
        return Between.JoinHeads(query, key, value, cosine, sine);
    }

    /// <summary><see cref="IUnitOperators.Gate"/>.</summary>
    /// <param name="gateAndUp">[T, 2F].</param>
    /// <param name="maximum">Of the result; null where it was not found.</param>
    Tensor Gate(Tensor gateAndUp, out Tensor? maximum)
    {
        maximum = null;
        return Between.Gate(gateAndUp);
    }

    /// <summary>The same, with its input as it waits for backward: <see cref="Fp8Cast.Held"/>.</summary>
    /// <param name="gateAndUp">[T, 2F]; F a multiple of <see cref="Fp8Matrix.Block"/>.</param>
    /// <param name="maximum">Of the result; null where it was not found.</param>
    /// <param name="held">[T, 2F].</param>
    Tensor GateAndHold(Tensor gateAndUp, out Tensor? maximum, out Fp8Matrix held)
    {
        held = Quantize(gateAndUp, Fp8Cast.Held).Straight!;
        return Gate(gateAndUp, out maximum);
    }

    /// <summary><see cref="IUnitOperators.GateBackward"/>, and both of its results in fp8.</summary>
    /// <param name="gradient">[T, F]; what it holds afterwards is not said.</param>
    /// <param name="gateAndUp">[T, 2F]; what it holds afterwards is not said.</param>
    /// <param name="asHeld">Whether to count with the numbers that <see cref="GateAndHold"/> holds.</param>
    /// <param name="gated">What is wanted of [T, F], what <see cref="Gate"/> gives; null for nothing.</param>
    /// <param name="both">What is wanted of [T, 2F], the gradient of gate and up.</param>
    (Fp8Pair? Gated, Fp8Pair Both) GateBackward(Tensor gradient, Tensor gateAndUp, bool asHeld, Fp8Cast? gated, Fp8Cast both)
    {
        ArgumentNullException.ThrowIfNull(gradient);
        ArgumentNullException.ThrowIfNull(gateAndUp);
        if (asHeld)
        {
            using var held = Quantize(gateAndUp, Fp8Cast.Held).Straight!;
            return GateBackward(gradient, held, gated, both);
        }

        Between.GateBackward(gradient, gateAndUp);
        return (gated is { } cast ? Quantize(gradient, cast) : null, Quantize(gateAndUp, both));
    }

    /// <summary>The same of what was held.</summary>
    /// <param name="gradient">[T, F]; what it holds afterwards is not said.</param>
    /// <param name="held">[T, 2F], from <see cref="GateAndHold"/>.</param>
    /// <param name="gated">What is wanted of [T, F]; null for nothing.</param>
    /// <param name="both">What is wanted of [T, 2F].</param>
    (Fp8Pair? Gated, Fp8Pair Both) GateBackward(Tensor gradient, Fp8Matrix held, Fp8Cast? gated, Fp8Cast both)
    {
        ArgumentNullException.ThrowIfNull(gradient);
        ArgumentNullException.ThrowIfNull(held);
        using var wide = held.Widen(gradient.dtype);
        return GateBackward(gradient, wide, asHeld: false, gated, both);
    }
}
