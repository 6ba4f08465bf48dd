namespace Horizon.Flow.Runs.Session;

/// <summary>Where a run's results lie.</summary>
/// <param name="ModelDirectory">The Hugging Face folder.</param>
/// <param name="CheckpointDirectory">The newest checkpoint, from which <c>--resume</c> goes on; null where none was written.</param>
public sealed record SavedRun(string ModelDirectory, string? CheckpointDirectory)
{
    /// <summary>The step of the model, where it is not the last one but that of the lowest held-out loss.</summary>
    public long? BestStep { get; init; }

    /// <summary>Whether the run was asked to stop before its end; of several ranks it is so on all, whichever the signal came to.</summary>
    public bool IsStopped { get; init; }
}
