using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// An update rule that runs on the host over one unit's flat buffers. It keeps no state of its own: what it remembers
/// lies in the unit's <see cref="UnitState.OptimizerState"/>. One instance serves all units, from several threads.
/// </summary>
public interface IHostOptimizer
{
    /// <summary>The name used in configuration and checkpoints, such as <c>adamw</c>.</summary>
    string Name { get; }

    /// <summary>
    /// The settings that give the state its meaning, by the names that configurations use: moments that were averaged with one decay rate are
    /// not those of another. A run resumes only with the same ones; settings that shape later steps alone do not belong here.
    /// </summary>
    /// <value>None.</value>
    IReadOnlyDictionary<string, string> StateSettings => System.Collections.Immutable.ImmutableDictionary<string, string>.Empty;

    /// <summary>The state that a unit of this layout needs; all zero before the first step.</summary>
    IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout);

    /// <summary>
    /// Where several ranks share a unit, how many neighbouring elements of a parameter belong together: its state can be cut at multiples of so many, counted from its beginning. 1 where
    /// every element is updated by itself.
    /// </summary>
    /// <param name="slot">The parameter.</param>
    /// <value>The whole parameter.</value>
    long GrainOf(ParameterSlot slot)
    {
        ArgumentNullException.ThrowIfNull(slot);
        return slot.Count;
    }

    /// <summary>
    /// Whether weights can be updated before the state (<see cref="OptimizerStep.Parts"/>): the new state follows from the old one and the gradient, without the weights. Where a forward
    /// waits for weights, they come sooner so; both parts together move more bytes than one sweep.
    /// </summary>
    /// <value>False.</value>
    bool UpdatesInParts => false;

    /// <summary>
    /// One step for one unit, in place: weights, difference and state. The result does not depend on the number of threads.
    /// </summary>
    /// <param name="unit">The unit's buffers.</param>
    /// <param name="gradient">Its flat gradient, before scaling.</param>
    /// <param name="step">What holds for the whole optimizer step.</param>
    /// <param name="workers">The threads to use.</param>
    void Update(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers);
}
