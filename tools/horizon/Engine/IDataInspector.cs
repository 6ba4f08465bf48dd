using Horizon.Flow.Runs.Data;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Cli;

/// <summary>Looks at training data; what <c>horizon data</c> needs of the library.</summary>
public interface IDataInspector
{
    /// <summary>What would be trained on.</summary>
    /// <param name="configuration">Names a model and data.</param>
    /// <param name="examples">How many documents are shown.</param>
    /// <param name="progress">Is told how far the reading is.</param>
    /// <exception cref="HorizonException">The data cannot be trained on.</exception>
    DataReport Inspect(RunConfiguration configuration, int examples, IProgress<DataProgress> progress);
}
