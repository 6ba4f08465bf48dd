using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Messages;
using Horizon.Flow.Resources;

namespace Horizon.Flow.Blocks;

/// <summary>An update rule that needs more than host threads, and so brings its own stage, with the pools that this rents from.</summary>
public interface IUpdateStage : IHostOptimizer
{
    /// <summary>The pools of the stage.</summary>
    IReadOnlyList<ITrainingPool> Pools { get; }

    /// <summary>Makes the stage for a run.</summary>
    IPropagatorBlock<HostGradient, UnitUpdated> CreateStage(TrainingContext run, StageOptions stage);
}
