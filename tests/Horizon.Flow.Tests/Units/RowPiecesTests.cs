using FsCheck;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Units;

/// <summary>
/// A processor's operators go through a few rows at a time: what is computed of each row has the bits that it has in any other company. Exponentials of some processors end in another bit by where in a
/// thread's part they lie.
/// </summary>
public sealed class RowPiecesTests
{
    // So few rows that they are never cut.
    private const int Few = 16;

    private static readonly EagerOperators Operators = new();

    [Cases(20)]
    public void Operators_OnManyRows_GiveTheBitsOfAFew(PositiveInt more, PositiveInt wider, bool narrow)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        // Enough numbers to be cut however many threads there are.
        var (rows, half) = (Few * (long)((4096 * get_num_threads() / 64) + 3) + (more.Get % 40), 32L + (2 * (wider.Get % 20)));
        var type = narrow ? bfloat16 : float32;
        Tensor Draw(params long[] shape) => randn(shape, dtype: float32).to(type);
        var (x, gradient, added, weight, both) = (Draw(rows, 2 * half), Draw(rows, 2 * half), Draw(rows, 2 * half), Draw(2 * half), Draw(rows, 2 * half));
        var labels = randint(2 * half, [rows], int64);
        var (cosine, sine) = (Draw(rows, 1, half), Draw(rows, 1, half));

        (Tensor[] Exact, Tensor[] OfExponentials) All(Func<Tensor, Tensor> part)
        {
            var norm = Operators.Norm(part(x), part(added), weight, 1e-6);
            var back = Operators.NormBackward(part(gradient), part(x), weight, norm.Inverse, part(added), null);
            var (gated, itsGradient) = (part(both).clone(), part(gradient).narrow(1, 0, half).clone());
            Operators.GateBackward(itsGradient, gated);
            var heads = part(x).clone().view(-1, 2, half);
            Operators.Rotate(heads, 1, part(cosine), part(sine), backwards: true);
            var (logits, losses) = Operators.CrossEntropy(part(both).clone(), part(labels), 0.5, 0.1);
            return ([norm.Sum, norm.Output, norm.Inverse, back, heads], [gated, itsGradient, logits!, losses]);
        }

        var whole = All(static all => all);
        for (long first = 0; first < rows; first += Few * 64)
        {
            var (from, count) = (first, Math.Min(Few, rows - first));
            if (count < Few) break;
            var some = All(all => all.narrow(0, from, count));
            foreach (var (one, many) in some.Exact.Zip(whole.Exact)) Assert.True(one.eq(many.narrow(0, from, count)).all().item<bool>());
            foreach (var (one, many) in some.OfExponentials.Zip(whole.OfExponentials))
                Assert.All(Numbers(one).Zip(Numbers(many.narrow(0, from, count))), pair => Assert.Equal(pair.First, pair.Second, (narrow ? 1 / 128.0 : 1e-6) * (1 + Math.Abs(pair.First))));
        }
    }

    /// <summary>The weight's gradient is a sum over all rows, whatever these are cut into.</summary>
    [Cases(10)]
    public void NormBackward_OnManyRows_SumsAllOfThem(PositiveInt more)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var rows = (4096L * get_num_threads() / 4) + (more.Get % 100);
        var (x, gradient, weight, of) = (randn(rows, 32), randn(rows, 32), randn(32), empty(32));
        var inverse = Operators.Norm(x, null, weight, 1e-6).Inverse;
        Operators.NormBackward(gradient, x, weight, inverse, null, of);
        var expected = (gradient.to(float64) * x.to(float64) * inverse.to(float64)).sum([0L]);
        foreach (var (one, other) in Numbers(of).Zip(Numbers(expected))) Assert.Equal(other, one, 1e-3);
    }

    private static double[] Numbers(Tensor tensor) => tensor.to(float64).contiguous().data<double>().ToArray();
}
