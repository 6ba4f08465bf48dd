using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// An update rule that treats each element alone, with up to two fp32 numbers of state beside it: the coefficients of one step, as a struct.
/// Written once over <see cref="ILanes{TSelf}"/>, it runs in every vector width and precision; an <see cref="ElementRuleOptimizer{TRule}"/>
/// makes an optimizer of it.
/// </summary>
/// <typeparam name="TSelf">The rule itself.</typeparam>
public interface IElementRule<TSelf>
    where TSelf : struct, IElementRule<TSelf>
{
    /// <summary>Numbers of state per element: 0, 1 or 2.</summary>
    static abstract int StateCount { get; }

    /// <summary>Whether <see cref="Apply"/> finds the new state without the weight: then weights can be updated before the state (<see cref="IHostOptimizer.UpdatesInParts"/>).</summary>
    /// <value>False.</value>
    static virtual bool StateIgnoresWeight => false;

    /// <summary>The rule for parameters of one group.</summary>
    /// <param name="learningRate">The step's, times the group's own factor.</param>
    /// <param name="weightDecay">The group's, else the optimizer's.</param>
    TSelf For(double learningRate, double weightDecay);

    /// <summary>One step for some elements, in place. Mark it <see cref="System.Runtime.CompilerServices.MethodImplOptions.AggressiveInlining"/>: it is the body of the inner loop.</summary>
    /// <param name="weight">The fp32 master.</param>
    /// <param name="gradient">Already scaled.</param>
    /// <param name="first">First state number; meaningless where there is none.</param>
    /// <param name="second">Second state number; meaningless where there is none.</param>
    void Apply<TLanes>(ref TLanes weight, TLanes gradient, ref TLanes first, ref TLanes second)
        where TLanes : struct, ILanes<TLanes>;
}
