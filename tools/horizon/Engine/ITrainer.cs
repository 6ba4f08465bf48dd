using Horizon.Flow.Distributed;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli;

/// <summary>Opens training runs; what <c>horizon train</c> needs of the library.</summary>
public interface ITrainer
{
    /// <summary>Loads model and data and checks that the run fits, before the first step.</summary>
    /// <param name="configuration">A validated configuration; the output folder exists and can be written.</param>
    /// <param name="resume">Go on from the newest whole checkpoint under the output folder.</param>
    /// <param name="traceSteps">How many steps to write a trace of; 0 for none.</param>
    /// <param name="progress">Is told how far what takes long is.</param>
    /// <param name="place">Which of several ranks this process is; null where there is one.</param>
    /// <param name="cancellation">Gives up, with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="HorizonException">The user can mend it.</exception>
    Task<ITrainingSession> OpenAsync(RunConfiguration configuration, bool resume, int traceSteps, IProgress<PhaseProgress> progress, RankPlace? place, CancellationToken cancellation);
}
