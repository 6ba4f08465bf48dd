using Horizon.Flow.Checkpointing;
using Horizon.Flow.Graph;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Cli;

/// <summary>Draws the library's graph.</summary>
public sealed class GraphDrawer : IGraphDrawer
{
    /// <inheritdoc/>
    public GraphDrawing Draw(RunConfiguration configuration, IReadOnlyDictionary<string, StageShares>? shares = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var blueprint = RunBlueprint.Of(configuration);
        var plan = blueprint.Plan();
        if (configuration.Checkpoint.EverySteps > 0) plan = plan.WithCheckpoints(_ => throw new InvalidOperationException("this plan is drawn, not run"));
        return plan.Draw(blueprint.Precision, shares);
    }
}
