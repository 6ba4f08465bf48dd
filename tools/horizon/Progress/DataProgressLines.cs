using Horizon.Flow.Runs.Session;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Cli;

/// <summary>How far the reading of data is, for commands that do nothing else that takes long: the first line after some seconds.</summary>
internal sealed class DataProgressLines(IProgress<PhaseProgress> lines) : IProgress<DataProgress>
{
    /// <summary>Lines every five seconds by the machine's clock.</summary>
    public static DataProgressLines To(TextWriter output) => new(new PhaseLines(output, TimeProvider.System, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5)));

    /// <inheritdoc/>
    public void Report(DataProgress value) => lines.Report(PhaseProgress.Of(value));
}
