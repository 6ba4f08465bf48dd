using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Units;

/// <summary>Against fp32 arithmetic in C#: each is one rounding, so equal to the last bit on every processor.</summary>
public class TensorArithmeticTests
{
    [Cases(100)]
    public void Operators_OnFloats_RoundOnceAsCSharpDoes(float[] values, float[] others, float number)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (values, Enumerable.Range(0, values.Length).Select(i => others.Length == 0 ? 1 : others[i % others.Length]).ToArray());
        void Equal(Func<float, float, float> expected, Tensor found) => Assert.Equal(x.Zip(y, expected), found.data<float>().ToArray());
        Tensor X() => tensor(x);

        Equal((a, b) => a + b, X().Plus(tensor(y)));
        Equal((a, b) => a + b, X().AddInPlace(tensor(y)));
        Equal((a, _) => a + number, X().Plus(number));
        Equal((a, _) => a - number, X().Minus(number));
        Equal((a, _) => number - a, X().SubtractedFrom(number));
        Equal((a, _) => a * number, X().Times(number));
        Equal((a, _) => a * number, X().TimesInPlace(number));
        Equal((a, _) => a / number, X().Over(number));
        Equal((a, _) => 1 / a * number, X().Dividing(number));
        Equal((a, _) => a * a, X().Squared());
        Equal((_, _) => number, X().FillInPlace(number));
    }

    [Fact]
    public void Plus_IntegersAndAnInteger_StayIntegers()
    {
        using var places = TensorArithmetic.Range(7, step: 2);
        using var moved = places.Plus(1);
        Assert.Equal([0L, 2, 4, 6], places.data<long>().ToArray());
        Assert.Equal([1L, 3, 5, 7], moved.data<long>().ToArray());
    }

    [Fact]
    public void AddInPlace_WithAFactor_ChangesTheTensorItself()
    {
        using var x = tensor([1f, 2]);
        using var y = tensor([10f, 20]);
        Assert.Same(x, x.AddInPlace(y, 0.5));
        Assert.Equal([6f, 12], x.data<float>().ToArray());
    }
}
