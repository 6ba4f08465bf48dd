using System.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>
/// Sums of tensors, and tensors with numbers. TorchSharp turns a number into a native <see cref="Scalar"/> whose finalizer frees it as soon
/// as its handle was read: a garbage collection may do so while the native call still reads it. That goes for <c>x * 2.0</c>, and for
/// <c>x + y</c> and <c>x.add_(y)</c> too, which make a factor of one. What makes such scalars is banned here (BannedSymbols); these
/// methods own theirs until the call returns. Results are those of TorchSharp's operators to the last bit.
/// </summary>
/// <remarks>
/// Results are the caller's, or the dispose scope's, as with every operator. Integers make an integer scalar (an int64 tensor stays one),
/// other numbers a double.
/// </remarks>
public static class TensorArithmetic
{
#pragma warning disable RS0030 // The one place that makes scalars.
    private static readonly Scalar One = 1.ToScalar();

    private static Scalar Own<T>(T number)
        where T : struct, INumber<T> =>
        number is double or float or System.Half ? double.CreateChecked(number).ToScalar() : long.CreateChecked(number).ToScalar();
#pragma warning restore RS0030

    /// <summary>x + y.</summary>
    public static Tensor Plus(this Tensor x, Tensor y) => NotNull(x).add(y, One);

    /// <summary>x + number.</summary>
    public static Tensor Plus<T>(this Tensor x, T number)
        where T : struct, INumber<T> => x.With(number, static (x, scalar) => x.add(scalar, One));

    /// <summary>x - number.</summary>
    public static Tensor Minus<T>(this Tensor x, T number)
        where T : struct, INumber<T> => x.With(number, static (x, scalar) => x.sub(scalar));

    /// <summary>number - x.</summary>
    public static Tensor SubtractedFrom<T>(this Tensor x, T number)
        where T : struct, INumber<T>
    {
        using var negative = NotNull(x).negative();
        return negative.Plus(number);
    }

    /// <summary>x * number.</summary>
    public static Tensor Times<T>(this Tensor x, T number)
        where T : struct, INumber<T> => x.With(number, static (x, scalar) => x.mul(scalar));

    /// <summary>x / number.</summary>
    public static Tensor Over<T>(this Tensor x, T number)
        where T : struct, INumber<T> => x.With(number, static (x, scalar) => x.div(scalar));

    /// <summary>number / x.</summary>
    public static Tensor Dividing<T>(this Tensor x, T number)
        where T : struct, INumber<T>
    {
        using var reciprocal = NotNull(x).reciprocal();
        return reciprocal.Times(number);
    }

    /// <summary>x * x, element by element.</summary>
    public static Tensor Squared(this Tensor x) => x.With(2, static (x, two) => x.pow(two));

    /// <summary>x += y; gives x.</summary>
    public static Tensor AddInPlace(this Tensor x, Tensor y) => NotNull(x).add_(y, One);

    /// <summary>x += number * y; gives x.</summary>
    public static Tensor AddInPlace<T>(this Tensor x, Tensor y, T number)
        where T : struct, INumber<T> => x.With(number, (x, scalar) => x.add_(y, scalar));

    /// <summary>x *= number; gives x.</summary>
    public static Tensor TimesInPlace<T>(this Tensor x, T number)
        where T : struct, INumber<T> => x.With(number, static (x, scalar) => x.mul_(scalar));

    /// <summary>Every element becomes the number; gives x.</summary>
    public static Tensor FillInPlace<T>(this Tensor x, T number)
        where T : struct, INumber<T> => x.With(number, static (x, scalar) => x.fill_(scalar));

    /// <summary>Any other operator that takes a tensor and a number, such as <c>ids.With(-100, (x, padding) => x.ne(padding))</c>.</summary>
    /// <param name="x">The tensor.</param>
    /// <param name="number">The number.</param>
    /// <param name="apply">Applies the operator; the scalar is freed when it returns.</param>
    public static Tensor With<T>(this Tensor x, T number, Func<Tensor, Scalar, Tensor> apply)
        where T : struct, INumber<T>
    {
        ArgumentNullException.ThrowIfNull(apply);
        using var scalar = Own(number);
        return apply(NotNull(x), scalar);
    }

    /// <summary>[ceiling(limit / step)]: 0, step, 2 step, …, below a limit.</summary>
    /// <param name="limit">The limit.</param>
    /// <param name="step">The distance of two elements.</param>
    /// <param name="type">Of the elements.</param>
    /// <param name="device">Where; the CPU by default.</param>
    public static Tensor Range(long limit, long step = 1, ScalarType type = ScalarType.Int64, Device? device = null)
    {
        using var from = Own(0L);
        using var to = Own(limit);
        using var by = Own(step);
        return arange(from, to, by, type, device);
    }

    private static Tensor NotNull(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x;
    }
}
