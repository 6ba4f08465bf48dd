using Horizon.Flow.Runs.Data;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Cli;

/// <summary>Looks at data with the library.</summary>
public sealed class DataInspector : IDataInspector
{
    /// <inheritdoc/>
    public DataReport Inspect(RunConfiguration configuration, int examples, IProgress<DataProgress> progress) => DataReport.Of(configuration, examples, progress);
}
