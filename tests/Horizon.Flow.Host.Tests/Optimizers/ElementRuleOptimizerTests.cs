using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Optimizers;

namespace Horizon.Flow.Host.Tests;

/// <summary>A rule written with the public interfaces alone keeps every promise that the library's own rules keep.</summary>
public sealed class ElementRuleOptimizerTests : OptimizerContractTests
{
    internal override IHostOptimizer Create(OptimizerOptions options, VectorPath path) => new Bounded(options, "largest", "sum") { Path = path };

    [Theory]
    [InlineData("largest")]
    [InlineData("largest", "sum", "third")]
    [InlineData("largest", "largest")]
    public void Create_OtherNamesThanNumbersOfState_IsRefused(params string[] names) =>
        Assert.Contains("keeps 2 numbers for each element", Assert.Throws<ArgumentException>(() => new Bounded(new(), names)).Message, StringComparison.Ordinal);

    [Fact]
    public void Create_ASettingOutOfItsRange_IsRefused() =>
        Assert.Throws<HorizonException>(() => new Bounded(new() { WeightDecay = -1 }, "largest", "sum"));

    [Fact]
    public void DescribeState_AnyLayout_HasABufferForEachName() =>
        Assert.Equal([new("largest", 40), new("sum", 40)], new Bounded(new(), "largest", "sum").DescribeState(TestUnit.Layout(4, 6)));

    /// <summary>The gradient over its largest magnitude so far, and a sum that uses every operation that a rule has.</summary>
    private sealed class Bounded(OptimizerOptions options, params string[] names) : ElementRuleOptimizer<BoundedRule>("bounded", options, names)
    {
        protected override BoundedRule RuleOf(OptimizerStep step) => default;
    }

    private readonly struct BoundedRule : IElementRule<BoundedRule>
    {
        private readonly float _rate;
        private readonly float _keep;

        private BoundedRule(double learningRate, double weightDecay) => (_rate, _keep) = ((float)learningRate, (float)(1 - (learningRate * weightDecay)));

        public static int StateCount => 2;

        public BoundedRule For(double learningRate, double weightDecay) => new(learningRate, weightDecay);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TLanes>(ref TLanes weight, TLanes gradient, ref TLanes first, ref TLanes second)
            where TLanes : struct, ILanes<TLanes>
        {
            var zero = TLanes.Of(0);
            first = TLanes.Max(first, TLanes.Max(gradient, zero - gradient));
            second += TLanes.Sqrt(gradient * gradient) * TLanes.Sign(gradient);
            var least = TLanes.Min(first, TLanes.Of(0.1f)) + TLanes.Of(1e-3f);
            var step = (gradient / (first + least)) + (TLanes.AtLeast(first, TLanes.Of(1e-3f)) * second);
            weight = (weight * TLanes.Of(_keep)) - (TLanes.Of(_rate) * step);
        }
    }
}
