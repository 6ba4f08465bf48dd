using Horizon.Flow.Graph;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Cli;

/// <summary>Draws the graph that a configuration would run; what <c>horizon graph</c> needs of the library.</summary>
public interface IGraphDrawer
{
    /// <summary>The drawing.</summary>
    /// <param name="configuration">Names a model.</param>
    /// <param name="shares">Where each stage's time went, from a run; null for a graph that has not run.</param>
    /// <exception cref="HorizonException">The configuration's graph cannot run.</exception>
    GraphDrawing Draw(RunConfiguration configuration, IReadOnlyDictionary<string, StageShares>? shares = null);
}
