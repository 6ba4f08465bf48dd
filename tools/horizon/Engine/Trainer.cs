using Horizon.Flow.Distributed;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli;

/// <summary>Trains with the library.</summary>
public sealed class Trainer : ITrainer
{
    /// <inheritdoc/>
    public async Task<ITrainingSession> OpenAsync(RunConfiguration configuration, bool resume, int traceSteps, IProgress<PhaseProgress> progress, RankPlace? place, CancellationToken cancellation) =>
        await TrainingSession.OpenAsync(configuration, resume, traceSteps, progress, cancellation: cancellation, place: place).ConfigureAwait(false);
}
