using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Common;

/// <summary>
/// The bytes that a unit's operators make where autograd derives their backward, and of them those that it keeps: each method does with numbers what the operator of that name does
/// with tensors. Without libtorch, so that a plan needs none.
/// </summary>
/// <param name="batch">Tokens and the type of activations.</param>
internal sealed class OperatorAccount(BatchShape batch)
{
    /// <summary>Bytes of a result; what libtorch shows as another view of it is the same.</summary>
    internal sealed class Result(double numbers, long bytes, bool isWide)
    {
        /// <summary>For each token.</summary>
        public double Numbers => numbers;

        public long Bytes => bytes;

        public bool IsWide => isWide;

        public bool IsKept { get; set; }
    }

    /// <summary>All results: what is there at the end of forward, whose temporaries go with their scope.</summary>
    public long Made { get; private set; }

    /// <summary>Those that backward reads.</summary>
    public long Kept { get; private set; }

    /// <summary>Something that is there anyway.</summary>
    /// <param name="numbers">For each token.</param>
    public static Result Given(double numbers) => new(numbers, 0, isWide: false);

    /// <param name="numbers">For each token.</param>
    /// <param name="wide">In fp32 whatever activations are.</param>
    /// <param name="isKept">Whether its own backward reads it.</param>
    public Result Make(double numbers, bool wide = false, bool isKept = false)
    {
        var made = new Result(numbers, (long)(numbers * (wide ? batch.WideTokenBytes : batch.TokenBytes)), wide || batch.Type == ElementType.Float32);
        Made += made.Bytes;
        if (isKept) Keep(made);
        return made;
    }

    /// <summary>Counted once, however many operators read it back.</summary>
    public Result Keep(Result result)
    {
        if (!result.IsKept) Kept += result.Bytes;
        result.IsKept = true;
        return result;
    }

    /// <summary>x in fp32: itself where it is.</summary>
    public Result Wide(Result x) => x.IsWide || batch.Type == ElementType.Float32 ? x : Make(x.Numbers, wide: true);

    /// <summary>x in the type of activations: itself where it is.</summary>
    public Result Narrow(Result x) => batch.Type == ElementType.Float32 || !x.IsWide ? x : Make(x.Numbers);

    public Result Linear(Result x, double width)
    {
        Keep(x);
        return Make(width);
    }

    public Result Product(Result x, Result y)
    {
        Keep(x);
        Keep(y);
        return Make(Math.Max(x.Numbers, y.Numbers), x.IsWide && y.IsWide);
    }

    public Result LayerNorm(Result x) => Linear(x, x.Numbers);

    /// <summary><see cref="RmsNorm.Unit"/>.</summary>
    public Result Unit(Result x)
    {
        var wide = Keep(Wide(x));
        Make(x.Numbers, wide: true);
        return Make(x.Numbers, wide: true);
    }

    /// <summary><see cref="RmsNorm.Apply"/>.</summary>
    public Result RmsNorm(Result x)
    {
        Keep(Narrow(Unit(x)));
        return Make(x.Numbers);
    }

    /// <summary><see cref="Common.Curve.Apply"/>.</summary>
    /// <param name="activation">Which.</param>
    /// <param name="x">Or a part of it.</param>
    /// <param name="width">Of that part.</param>
    public Result Curve(Activation activation, Result x, double width)
    {
        switch (activation)
        {
            case Activation.Relu:
                return Make(width, isKept: true);
            case Activation.SquaredRelu:
                Make(width, isKept: true);
                return Make(width);
            case Activation.QuickGelu:
                Keep(x);
                Make(width);
                Make(width, isKept: true);
                return Make(width);
            default:
                Keep(x);
                return Make(width);
        }
    }

    /// <summary>The curve of gate, times up, from one product.</summary>
    /// <param name="activation">Of the curve.</param>
    /// <param name="x">Of both.</param>
    /// <param name="width">Of each.</param>
    public Result Gated(Activation activation, Result x, double width)
    {
        var both = Linear(x, 2 * width);
        var product = Product(Curve(activation, both, width), Given(width));
        Keep(both);
        return product;
    }

    /// <summary><see cref="RotaryEmbedding.Apply"/>.</summary>
    /// <param name="width">Of all heads.</param>
    /// <param name="rotated">Which part of it turns.</param>
    public Result Rotate(double width, double rotated)
    {
        for (var i = 0; i < 3; i++) Make(rotated); // partners, and both products
        var sum = Make(rotated);
        return rotated < width ? Make(width) : sum;
    }
}
