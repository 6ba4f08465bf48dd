using Horizon.Flow.Configuration;
using Horizon.Flow.Graph;

namespace Horizon.Flow.Cli;

/// <summary>Draws the library's graph.</summary>
public sealed class GraphDrawer : IGraphDrawer
{
    /// <inheritdoc/>
    public GraphDrawing Draw(RunConfiguration configuration, IReadOnlyDictionary<string, StageShares>? shares = null)
    {
        var blueprint = RunBlueprint.Of(configuration);
        return blueprint.Plan().Draw(blueprint.Precision, shares);
    }
}
