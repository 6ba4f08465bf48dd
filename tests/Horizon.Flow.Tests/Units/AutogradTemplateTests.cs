using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using TorchSharp;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Units;

public class AutogradTemplateTests
{
    private static readonly UnitLayout Layout = new("unit", "test", [("a", "a", [2, 3]), ("b", "b", [1, 3]), ("unused", "unused", [4])]);

    /// <summary>A user's own unit: nothing but its forward.</summary>
    private sealed class User(Func<ParameterViews, Tensor, Tensor> compute) : AutogradTemplate
    {
        protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch) => compute(parameters, input!);
    }

    [Fact]
    public void Backward_ParameterNotUsed_GetsZeros()
    {
        // y = x @ a^T @ a: dL/da for dy = 1 by hand below.
        var (output, inputGradient, gradients) = Run((p, x) => x.matmul(p["a"].t()).matmul(p["a"]));
        float[] a = [1, 2, 3, 4, 5, 6];
        float[] x = [1, -1, 2];
        var projected = new[] { Dot(x, a[..3]), Dot(x, a[3..]) };
        Assert.Equal([.. Enumerable.Range(0, 3).Select(column => (projected[0] * a[column]) + (projected[1] * a[3 + column]))], output);
        Assert.Equal([.. Enumerable.Range(0, 3).Select(column => (6 * a[column]) + (15 * a[3 + column]))], inputGradient);
        var expected = Enumerable.Range(0, 6).Select(place => projected[place / 3] + ((place < 3 ? 6 : 15) * x[place % 3]));
        Assert.Equal([.. expected, 0, 0, 0, 0, 0, 0, 0], gradients);
    }

    [Fact]
    public void Backward_UsedAloneAndStacked_SumsBoth()
    {
        var (_, _, gradients) = Run((p, x) => (p.Stacked("a", "b").sum() * x).Plus(p["b"].sum().Times(3) * x).Plus(p["unused"].sum() * x));
        Assert.Equal([2, 2, 2, 2, 2, 2, 8, 8, 8, 2, 2, 2, 2], gradients);
    }

    /// <summary>A fixed parameter takes part in the maths, and no norm of gradients counts it.</summary>
    [Fact]
    public void Backward_FixedParameter_GetsZeros()
    {
        var layout = new UnitLayout("unit", "test", [("a", "a", [3]), ("fixed", "fixed", [1])], new HashSet<string> { "fixed" });
        var (output, inputGradient, gradients) = Run((p, x) => x * p["a"] * p["fixed"], layout);
        Assert.Equal([4, -8, 24], output);
        Assert.Equal([4, 8, 12], inputGradient);
        Assert.Equal([4, -4, 8, 0], gradients);
    }

    [Fact]
    public void Backward_InputNotUsed_GetsZeros()
    {
        var (_, inputGradient, _) = Run((p, _) => p["b"].view(1, 1, 3).Times(2));
        Assert.Equal([0, 0, 0], inputGradient);
    }

    [Fact]
    public void Backward_FrozenUnit_GivesTheInputGradientAlone()
    {
        using var flat = ones(Layout.ElementCount);
        using var parameters = new ParameterViews(flat, Layout);
        using var x = ones(1, 1, 3);
        using var batch = Batch();
        using var tape = new User((p, input) => input * p["a"].sum()).Recompute(parameters, x, batch);
        using var inputGradient = tape.Backward(x, null)!;
        Assert.Equal([6f, 6f, 6f], inputGradient.data<float>().ToArray());
    }

    /// <summary>A unit that adds to the loss by itself: the gradient that it names is asked for in backward, and flows beside the output's.</summary>
    [Fact]
    public void Backward_LossOfItsOwn_FlowsBesideTheOutputs()
    {
        using var flat = ones(Layout.ElementCount);
        using var written = empty(Layout.ElementCount).FillInPlace(float.NaN);
        using var parameters = new ParameterViews(flat, Layout);
        using var gradients = new ParameterViews(written, Layout);
        using var x = ones(1, 1, 3);
        using var batch = Batch();
        var known = false;
        var template = new Adding(() => known ? tensor(new float[] { 10, 20, 30 }, [1, 1, 3]) : throw new InvalidOperationException("asked for before backward"));
        using (var output = template.Forward(parameters, x, batch)) Assert.Equal([1f, 1f, 1f], output.data<float>().ToArray());
        using var tape = template.Recompute(parameters, x, batch);
        known = true;
        using var inputGradient = tape.Backward(x, gradients)!;
        Assert.Equal([11f, 21f, 31f], inputGradient.data<float>().ToArray());
        Assert.Equal([11f, 21f, 31f], gradients["b"].data<float>().ToArray());
    }

    private sealed class Adding(Func<Tensor> gradient) : AutogradTemplate
    {
        protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch) => throw new NotSupportedException();

        protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch, UnitRecord record)
        {
            record.Losses.Add(new OwnLoss(input! * parameters["b"], gradient));
            return input! * parameters["b"];
        }
    }

    [Fact]
    public void Forward_Identity_GivesATensorOfItsOwn()
    {
        var (output, inputGradient, gradients) = Run((_, x) => x);
        Assert.Equal([1, -1, 2], output);
        Assert.Equal([1, 1, 1], inputGradient);
        Assert.All(gradients, value => Assert.Equal(0, value));
    }

    [Fact]
    public void Recompute_ComputeThrows_LeavesNoTensorAndRestoresGradMode()
    {
        using var flat = ones(Layout.ElementCount);
        using var parameters = new ParameterViews(flat, Layout);
        using var x = ones(1, 1, 3);
        using var batch = Batch();
        var template = new User((p, input) => throw new InvalidOperationException($"no {p["a"].Plus(input).shape.Length}"));
        using var noGrad = no_grad();
        _ = parameters["a"];
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Assert.Throws<InvalidOperationException>(() => template.Recompute(parameters, x, batch));
        Assert.Throws<InvalidOperationException>(() => template.Forward(parameters, x, batch));
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.False(is_grad_enabled());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Passes_GradMode_IsAsBefore(bool mode)
    {
        using var _ = set_grad_enabled(mode);
        Run((p, x) => x * p["a"].sum());
        Assert.Equal(mode, is_grad_enabled());
    }

    private static (float[] Output, float[] InputGradient, float[] Gradients) Run(Func<ParameterViews, Tensor, Tensor> compute, UnitLayout? layout = null)
    {
        layout ??= Layout;
        using var flat = TensorArithmetic.Range(layout.ElementCount).Plus(1).to(float32);
        using var gradientFlat = empty([layout.ElementCount], dtype: float32).FillInPlace(float.NaN);
        using var parameters = new ParameterViews(flat, layout);
        using var gradients = new ParameterViews(gradientFlat, layout);
        using var x = tensor(new float[] { 1, -1, 2 }, [1, 1, 3]);
        using var batch = Batch();
        var template = new User(compute);
        using var output = template.Forward(parameters, x, batch);
        Assert.NotSame(x, output);
        using var tape = template.Recompute(parameters, x, batch);
        using var ones = ones_like(output);
        using var inputGradient = tape.Backward(ones, gradients)!;
        Assert.False(flat.requires_grad);
        Assert.False(x.requires_grad);
        return (output.data<float>().ToArray(), inputGradient.data<float>().ToArray(), gradientFlat.data<float>().ToArray());
    }

    private static float Dot(float[] left, float[] right) => left.Zip(right, (one, other) => one * other).Sum();

    private static DeviceBatch Batch() =>
        new(zeros([1, 1], int64), zeros([1, 1], int64), zeros([1, 1], int64), null);
}
