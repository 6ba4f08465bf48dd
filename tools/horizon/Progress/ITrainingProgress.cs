using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli;

/// <summary>Shows a run while it goes on.</summary>
public interface ITrainingProgress
{
    /// <summary>Shows the events until they end. An exception from them leaves the screen in order and is passed on.</summary>
    Task ShowAsync(TrainingOutline outline, IAsyncEnumerable<TrainingEvent> events);
}
