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

    /// <summary>An activation in fp8.</summary>
    /// <param name="x">[T, I].</param>
    /// <param name="straight">Whether for a product.</param>
    /// <param name="transposed">Whether for the gradient of weights.</param>
    /// <param name="maximum">Of x, where it is known.</param>
    public Fp8Pair Activation(Tensor x, bool straight, bool transposed, Tensor? maximum = null) =>
        Operators.Quantize(x, new(Fp8Format.E4M3, _options.Scaling, IsWeight: false, straight, transposed), maximum);

    /// <summary>The gradient of a product's output in fp8.</summary>
    /// <param name="dY">[T, O].</param>
    /// <param name="weights">Whether the weights' gradient is wanted too.</param>
    /// <param name="maximum">Of dY, where it is known.</param>
    public Fp8Pair Gradient(Tensor dY, bool weights, Tensor? maximum = null) =>
        Operators.Quantize(dY, new(_options.Gradients, _options.Scaling, IsWeight: false, Straight: true, weights), maximum);

    /// <summary>The gate's backward: what it gave, for the gradient of the next weights, and the gradient of gate and up.</summary>
    /// <param name="gradient">[T, F]; used up.</param>
    /// <param name="gateAndUp">[T, 2F]; used up.</param>
    /// <param name="weights">Whether the weights' gradients are wanted too.</param>
    /// <param name="bias">[2F]: where the gradient of their bias goes; null where there is none.</param>
    public (Fp8Pair? Gated, Fp8Pair Both) GateBackward(Tensor gradient, Tensor gateAndUp, bool weights, Tensor? bias)
    {
        Fp8Cast? gated = weights ? new(Fp8Format.E4M3, _options.Scaling, IsWeight: false, Straight: false, Transposed: true) : null;
        var both = new Fp8Cast(_options.Gradients, _options.Scaling, IsWeight: false, Straight: true, weights);
        if (bias is null) return Operators.GateBackward(gradient, gateAndUp, gated, both);
        Operators.Between.GateBackward(gradient, gateAndUp);
        bias.copy_(gateAndUp.sum([0]));
        return (gated is { } cast ? Operators.Quantize(gradient, cast) : null, Operators.Quantize(gateAndUp, both));
    }

    /// <summary>[T, O] in the type of the weights: x W^T.</summary>
    /// <param name="x">[T, I].</param>
    /// <param name="weight">[O, I].</param>
    /// <param name="bias">[O]; null for none.</param>
    public Tensor Forward(Fp8Matrix x, Tensor weight, Tensor? bias = null)
    {
        using var rounded = Operators.Quantize(weight, new(Fp8Format.E4M3, _options.Scaling, IsWeight: true, Straight: true, Transposed: false));
        var output = empty([x.Values.shape[0], weight.shape[0]], weight.dtype, weight.device);
        Operators.Multiply(x, rounded.Straight!, output, bias, fast: true);
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
