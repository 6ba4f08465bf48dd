using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Fp8;

// Letters: T tokens, P tokens with their padding, I in, O out.

/// <summary>A layer's products in fp8: y = x W^T, and both gradients. Weights are rounded when a product needs them.</summary>
internal sealed class Fp8Products
{
    private readonly Fp8Options _options;

    /// <param name="options">How.</param>
    /// <param name="operators">The device's.</param>
    /// <exception cref="HorizonException">The device cannot multiply so.</exception>
    public Fp8Products(Fp8Options options, IUnitOperators operators)
    {
        _options = options;
        Operators = operators.Fp8 ?? throw new HorizonException("the device has no matrix products in fp8: a GPU must be of compute capability 8.9 or later, with NVRTC beside libtorch; train in bf16, or on the CPU, where fp8 is emulated");
    }

    /// <summary>What lies in front of the products.</summary>
    public IFp8Operators Operators { get; }

    /// <summary>Whether gate and up of this width wait for backward in fp8.</summary>
    public bool Holds(long width) => _options.Holds(width);

    /// <summary>What a norm gives in fp8.</summary>
    /// <param name="straight">Whether for a product.</param>
    /// <param name="transposed">Whether for the gradient of weights.</param>
    public Fp8Cast Activation(bool straight, bool transposed) => new(Fp8Format.E4M3, _options.Scaling, IsWeight: false, straight, transposed);

    /// <summary>An activation in fp8.</summary>
    /// <param name="x">[T, I].</param>
    /// <param name="straight">Whether for a product.</param>
    /// <param name="transposed">Whether for the gradient of weights.</param>
    /// <param name="maximum">Of x, where it is known.</param>
    public Fp8Pair Activation(Tensor x, bool straight, bool transposed, Tensor? maximum = null) =>
        Operators.Quantize(x, Activation(straight, transposed), maximum);

    /// <summary>The gradient of a product's output in fp8.</summary>
    /// <param name="dY">[T, O].</param>
    /// <param name="weights">Whether the weights' gradient is wanted too.</param>
    /// <param name="maximum">Of dY, where it is known.</param>
    public Fp8Pair Gradient(Tensor dY, bool weights, Tensor? maximum = null) =>
        Operators.Quantize(dY, new(_options.Gradients, _options.Scaling, IsWeight: false, Straight: true, weights), maximum);

    /// <summary>The gate's backward: what it gave, for the gradient of the next weights, and the gradient of gate and up.</summary>
    /// <param name="gradient">[T, F]; used up.</param>
    /// <param name="gateAndUp">[T, 2F]; used up. Null where it is held.</param>
    /// <param name="held">[T, 2F] in fp8; null where it is not.</param>
    /// <param name="weights">Whether the weights' gradients are wanted too.</param>
    /// <param name="bias">[2F]: where the gradient of their bias goes; null where there is none.</param>
    public (Fp8Pair? Gated, Fp8Pair Both) GateBackward(Tensor gradient, Tensor? gateAndUp, Fp8Matrix? held, bool weights, Tensor? bias)
    {
        Fp8Cast? gated = weights ? Activation(straight: false, transposed: true) : null;
        var both = new Fp8Cast(_options.Gradients, _options.Scaling, IsWeight: false, Straight: true, weights);
        var asHeld = Holds(gradient.shape[1]);
        if (bias is null)
            return held is not null ? Operators.GateBackward(gradient, held, gated, both) : Operators.GateBackward(gradient, gateAndUp!, asHeld, gated, both);
        // Its gradient is summed before it is rounded.
        using var scope = NewDisposeScope();
        held ??= asHeld ? Operators.Quantize(gateAndUp!, Fp8Cast.Held).Straight : null;
        var wide = held?.Widen(gradient.dtype) ?? gateAndUp!;
        Operators.Between.GateBackward(gradient, wide);
        bias.copy_(wide.sum([0]));
        return (gated is { } cast ? Moved(Operators.Quantize(gradient, cast)) : null, Moved(Operators.Quantize(wide, both)));
    }

    private static Fp8Pair Moved(Fp8Pair pair)
    {
        foreach (var matrix in (ReadOnlySpan<Fp8Matrix?>)[pair.Straight, pair.Transposed])
        {
            matrix?.Values.MoveToOuterDisposeScope();
            matrix?.Scales.MoveToOuterDisposeScope();
        }

        return pair;
    }

    /// <summary>[T, O] in the type of the weights: x W^T.</summary>
    /// <param name="x">[T, I].</param>
    /// <param name="weight">[O, I].</param>
    /// <param name="bias">[O]; null for none.</param>
    public Tensor Forward(Fp8Matrix x, Tensor weight, Tensor? bias = null)
    {
        using var rounded = Operators.Quantize(weight, new(Fp8Format.E4M3, _options.Scaling, IsWeight: true, Straight: true, Transposed: false));
        var output = empty([x.Values.shape[0], weight.shape[0]], weight.dtype, weight.device);
        Operators.Multiply(x, rounded.Straight!, output, bias, fast: _options.FastForward);
        return output;
    }

    /// <summary>[T, I] in the type of the weights: dY W.</summary>
    /// <param name="dY">[T, O].</param>
    /// <param name="weight">[O, I].</param>
    public Tensor InputGradient(Fp8Pair dY, Tensor weight)
    {
        using var rounded = Operators.Quantize(weight, new(Fp8Format.E4M3, _options.Scaling, IsWeight: true, Straight: false, Transposed: true));
        var output = empty([dY.Straight!.Values.shape[0], weight.shape[1]], weight.dtype, weight.device);
        Operators.Multiply(dY.Straight, rounded.Transposed!, output, fast: _options.FastGradients);
        return output;
    }

    /// <summary>dY^T x, written where it belongs.</summary>
    /// <param name="dY">[T, O].</param>
    /// <param name="x">[I, P]: transposed.</param>
    /// <param name="gradient">[O, I], overwritten.</param>
    public void WeightGradient(Fp8Pair dY, Fp8Matrix x, Tensor gradient) => Operators.Multiply(dY.Transposed!, x, gradient, fast: _options.FastGradients);
}
