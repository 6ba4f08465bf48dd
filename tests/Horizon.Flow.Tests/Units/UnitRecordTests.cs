using Horizon.Flow.Host.Store;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Units;

/// <summary>Steps whose backward is written out, between parts that autograd derives.</summary>
public class UnitRecordTests
{
    private static readonly UnitLayout Layout = new("unit", "test", [("a", "a", [3]), ("b", "b", [3]), ("unused", "unused", [2])]);

    /// <summary>Outputs and gradients are those of autograd alone: with steps one behind the other, a step's output used before and behind the next, operators shared by parts, and parameters in all parts and steps.</summary>
    [Cases(50)]
    public void Step_BetweenParts_GivesWhatAutogradGives(int seed)
    {
        using var scope = NewDisposeScope();
        var (expected, given) = (Run(seed, new Steps(written: false)), Run(seed, new Steps(written: true)));
        foreach (var (one, other) in expected.Zip(given)) Assert.True((one - other).abs().max().item<float>() <= 1e-5f * one.abs().max().item<float>());
    }

    /// <summary>What a step keeps is gone with the tape, whether backward came or not; a forward keeps nothing.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Dispose_WithAndWithoutBackward_LeavesNoTensor(bool backward)
    {
        using var flat = ones(Layout.ElementCount);
        using var written = empty(Layout.ElementCount);
        using var parameters = new ParameterViews(flat, Layout);
        using var gradients = new ParameterViews(written, Layout);
        foreach (var role in new[] { "a", "b", "unused" }) _ = (parameters[role], gradients[role]);
        using var x = ones(1, 2, 3);
        using var batch = Batch();
        var template = new Steps(written: true);
        var before = Square.Living;
        using (var output = template.Forward(parameters, x, batch)) Assert.Equal(before, Square.Living);
        using (var tape = template.Recompute(parameters, x, batch))
        {
            Assert.Equal(before + 2, Square.Living);
            if (backward) tape.Backward(x, gradients)!.Dispose();
        }

        Assert.Equal(before, Square.Living);
    }

    private static Tensor[] Run(int seed, Steps template)
    {
        var numbers = new Random(seed);
        Tensor Numbers(params long[] shape) => tensor([.. Enumerable.Range(0, (int)shape.Aggregate(1L, (x, y) => x * y)).Select(_ => (float)(0.5 + numbers.NextDouble()))], shape);
        var (flat, written) = (Numbers(Layout.ElementCount), empty(Layout.ElementCount).FillInPlace(float.NaN));
        using var parameters = new ParameterViews(flat, Layout);
        using var gradients = new ParameterViews(written, Layout);
        var (x, outputGradient) = (Numbers(1, 2, 3), Numbers(1, 2, 3));
        using var batch = Batch();
        using var tape = template.Recompute(parameters, x, batch);
        var output = tape.Output.clone();
        Assert.True(output.eq(template.Forward(parameters, x, batch)).all().item<bool>());
        return [output, tape.Backward(outputGradient, gradients)!, written];
    }

    private static DeviceBatch Batch() => new(zeros([1, 2], int64), zeros([1, 2], int64), zeros([1, 2], int64), null);

    private sealed class Steps(bool written) : AutogradTemplate
    {
        protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch) => throw new NotSupportedException();

        protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch, UnitRecord record)
        {
            var (a, b) = (parameters["a"], parameters["b"]);
            var shared = (input! * a).exp();
            var first = Squared(shared * a, b, record);
            var second = Squared((first * a).Plus(shared), b, record);
            return second.Plus(first * input!).Plus(shared * b);
        }

        private Tensor Squared(Tensor x, Tensor b, UnitRecord record) => written ? record.Step([x, b], _ => new Square(x, b)) : x * x * b;
    }

    /// <summary>x² b.</summary>
    private sealed class Square : IWrittenStep
    {
        private readonly Tensor _x, _b;
        private bool _disposed;

        public Square(Tensor x, Tensor b)
        {
            Living++;
            (_x, _b) = (x.clone().DetachFromDisposeScope(), b.clone().DetachFromDisposeScope());
            Output = x * x * b;
        }

        [ThreadStatic]
        public static int Living;

        public Tensor Output { get; }

        public IReadOnlyList<Tensor?> Backward(Tensor outputGradient) => [outputGradient * _x.Times(2) * _b, (outputGradient * _x * _x).sum([0, 1])];

        public void Dispose()
        {
            if (_disposed) return;
            _disposed = true;
            Living--;
            _x.Dispose();
            _b.Dispose();
        }
    }
}
