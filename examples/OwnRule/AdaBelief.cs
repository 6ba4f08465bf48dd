using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Optimizers;

namespace Horizon.Examples;

/// <summary>
/// AdaBelief (Zhuang et al., arXiv 2010.07468, algorithm 2, with decoupled decay): Adam whose second moment is of the gradient's distance from
/// its mean. State: two fp32 numbers a parameter, 8 bytes.
/// <code>
/// m = beta1 m + (1 - beta1) g
/// s = beta2 s + (1 - beta2) (g - m)^2 + eps
/// p = p (1 - lr wd) - lr / (1 - beta1^t) m / (sqrt(s / (1 - beta2^t)) + eps)
/// </code>
/// </summary>
// <snippet>
public sealed class AdaBelief(double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-16, OptimizerOptions? options = null)
    : ElementRuleOptimizer<AdaBelief.Rule>("adabelief", options, "exp_avg", "exp_avg_var")
{
    public override IReadOnlyDictionary<string, string> StateSettings => new Dictionary<string, string> { ["betas"] = $"{beta1:R}, {beta2:R}" };

    protected override Rule RuleOf(OptimizerStep step) => new(
        (float)beta1, (float)beta2, (float)epsilon, (float)(1 / (1 - Math.Pow(beta1, step.Number))), (float)(1 / (1 - Math.Pow(beta2, step.Number))), 0, 1);

    public readonly record struct Rule(float Beta1, float Beta2, float Epsilon, float Correction1, float Correction2, float Rate, float Keep) : IElementRule<Rule>
    {
        public static int StateCount => 2;

        public Rule For(double learningRate, double weightDecay) => this with { Rate = (float)learningRate * Correction1, Keep = (float)(1 - (learningRate * weightDecay)) };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TLanes>(ref TLanes weight, TLanes gradient, ref TLanes mean, ref TLanes belief)
            where TLanes : struct, ILanes<TLanes>
        {
            mean = (TLanes.Of(Beta1) * mean) + (TLanes.Of(1 - Beta1) * gradient);
            var surprise = gradient - mean;
            belief = (TLanes.Of(Beta2) * belief) + (TLanes.Of(1 - Beta2) * surprise * surprise) + TLanes.Of(Epsilon);
            weight = (weight * TLanes.Of(Keep)) - (TLanes.Of(Rate) * mean / (TLanes.Sqrt(belief * TLanes.Of(Correction2)) + TLanes.Of(Epsilon)));
        }
    }
}
// </snippet>
