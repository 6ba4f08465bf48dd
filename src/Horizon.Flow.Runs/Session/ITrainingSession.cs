namespace Horizon.Flow.Runs.Session;

/// <summary>A run that is loaded and ready for its steps.</summary>
public interface ITrainingSession : IAsyncDisposable
{
    /// <summary>What the run will do.</summary>
    TrainingOutline Outline { get; }

    /// <summary>Trains, and tells of every step as it ends. Evaluates and writes checkpoints as configured.</summary>
    /// <param name="stop">Once cancelled, the step in hand is finished and told of, and the events end without an exception.</param>
    IAsyncEnumerable<TrainingEvent> RunAsync(CancellationToken stop);

    /// <summary>Writes the model as it now is under the output folder and, where checkpoints are configured or the run has not reached its end, a checkpoint.</summary>
    Task<SavedRun> SaveAsync();
}
