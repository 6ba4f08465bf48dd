using Horizon.Flow.Runs.Data;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Cli;

/// <summary>Looks at data with the library.</summary>
public sealed class DataInspector : IDataInspector
{
    /// <inheritdoc/>
    public DataReport Inspect(RunConfiguration configuration, int examples) => DataReport.Of(configuration, examples);
}
