using Horizon.Flow.Activations;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;

namespace Horizon.Flow;

/// <summary>How a model is trained. Everything here changes results, except <see cref="Pipeline"/>, <see cref="RecomputeInterval"/>,
/// <see cref="Activations"/> and <see cref="HostThreads"/>, which never change a bit of them.</summary>
public sealed record TrainingOptions
{
    /// <summary>The update rule.</summary>
    /// <value>AdamW with its defaults.</value>
    public IHostOptimizer Optimizer { get; init; } = OptimizerFactory.Create("adamw");

    /// <summary>The learning rate of a step, counted from 1.</summary>
    /// <value>Always 1e-4.</value>
    public Func<long, double> LearningRate { get; init; } = _ => 1e-4;

    /// <summary>Gradients are scaled so that their common norm is at most this; null for no clipping.</summary>
    /// <value>1.</value>
    /// <remarks>With clipping no unit is updated before all gradients are there; without, updates run while backward goes on.</remarks>
    public double? MaxGradientNorm { get; init; } = 1.0;

    /// <summary>Every how many decoder layers an input is kept. k keeps 1/k of them and recomputes k layers at a time.</summary>
    /// <value>1.</value>
    public int RecomputeInterval { get; init; } = 1;

    /// <summary>
    /// What becomes of each decoder layer's activations, by its index into <see cref="ModelDefinition.Hidden"/>. Layers that recompute or
    /// are offloaded are taken together in segments of <see cref="RecomputeInterval"/>; a kept layer stands alone. An embedding has no choice.
    /// </summary>
    /// <value><see cref="ActivationPolicy.Recompute"/> for all.</value>
    public Func<int, ActivationPolicy> Activations { get; init; } = _ => ActivationPolicy.Recompute;

    /// <summary>Micro-batches of one optimizer step at most; more than one needs fp32 accumulators.</summary>
    /// <value>1.</value>
    public int GradientAccumulation { get; init; } = 1;

    /// <summary>Which units are trained; all by default. A frozen unit is neither downloaded nor updated.</summary>
    public Func<UnitLayout, bool> IsTrainable { get; init; } = _ => true;

    /// <summary>
    /// What of a trained unit's gradient comes down to the host and goes to the optimizer: all that is trained of it by default. A smaller layout where a
    /// stage of your own reduces the gradient on the device, as for low-rank gradients. Slabs and accumulators have its size.
    /// </summary>
    public Func<UnitLayout, UnitLayout> GradientLayout { get; init; } = unit => unit.Trained;

    /// <summary>
    /// What of a unit lies in this run's store and goes up: all of it by default. A slice where several runs share a model and a stage of the plan makes
    /// units whole on the device. Gives the same object for the same unit, whose name it keeps.
    /// </summary>
    public Func<UnitLayout, UnitLayout> StoreLayout { get; init; } = unit => unit;

    /// <summary>Threads of the update and of other sweeps over host memory.</summary>
    /// <value>The processor count.</value>
    public int HostThreads { get; init; } = Environment.ProcessorCount;

    /// <summary>The bounds of the graph.</summary>
    public PipelineOptions Pipeline { get; init; } = new();

    /// <summary>What <see cref="LearningRate"/> gives for a step, checked.</summary>
    /// <exception cref="HorizonException">It is negative or not finite.</exception>
    public double LearningRateOf(long step)
    {
        var rate = LearningRate(step);
        return double.IsFinite(rate) && rate >= 0 ? rate : throw new HorizonException(FormattableString.Invariant(
            $"the learning rate of step {step} is {rate}; it must be finite and 0 or more: mend the schedule ({nameof(TrainingOptions)}.{nameof(LearningRate)})"));
    }
}
