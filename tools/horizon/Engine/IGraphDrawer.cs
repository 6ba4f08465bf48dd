using Horizon.Flow.Configuration;

namespace Horizon.Flow.Cli;

/// <summary>Draws the graph that a configuration would run; what <c>horizon graph</c> needs of the library.</summary>
public interface IGraphDrawer
{
    /// <summary>The drawing's source text.</summary>
    /// <exception cref="HorizonException">The configuration's graph cannot run.</exception>
    string Draw(RunConfiguration configuration, GraphFormat format);
}
