using Horizon.Flow.Configuration;
using Horizon.Flow.Graph;

namespace Horizon.Flow.Cli;

/// <summary>Draws the graph that a configuration would run; what <c>horizon graph</c> needs of the library.</summary>
public interface IGraphDrawer
{
    /// <summary>The drawing.</summary>
    /// <exception cref="HorizonException">The configuration's graph cannot run.</exception>
    GraphDrawing Draw(RunConfiguration configuration);
}
