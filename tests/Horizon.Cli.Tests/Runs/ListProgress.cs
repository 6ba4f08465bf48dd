using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Keeps the names of phases, at once.</summary>
internal sealed class ListProgress(List<string> phases) : IProgress<PhaseProgress>
{
    public void Report(PhaseProgress value) => phases.Add(value.Doing);
}
