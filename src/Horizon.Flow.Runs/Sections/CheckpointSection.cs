namespace Horizon.Flow.Runs.Sections;

/// <summary>
/// The <c>checkpoint</c> section: from what <c>--resume</c> goes on. Checkpoints are written under <c>output.directory/checkpoints</c> while
/// training goes on, and one more when the run ends or is stopped.
/// </summary>
/// <remarks>
/// On <c>--resume</c> the model, the precision, the optimizer's name, the frozen units, the data, the batch and the seed must be those of the
/// checkpoint. The learning rate and the optimizer's other settings, the schedule, the largest norm and the length of the run may be changed,
/// and hold from there on; everything that never changes a result (device, pipeline, recomputation, checkpoints, evaluation, folders) may too.
/// </remarks>
public sealed record CheckpointSection
{
    /// <summary>Write a checkpoint after every so many steps; 0 never does.</summary>
    /// <value>Default 0.</value>
    /// <remarks>Where one falls due while another is still being written, training waits for the disk, and the run says so.</remarks>
    public long EverySteps { get; init; }

    /// <summary>How many of the newest checkpoints stay on disk; while one is written there is one more.</summary>
    /// <value>Default 2.</value>
    /// <remarks>
    /// Beside them the last good one stays, the newest that a step was applied after, so that skipped steps never push it out; with 1, two stay.
    /// </remarks>
    public int Keep { get; init; } = 2;

    /// <summary>Whether the checkpoint with the lowest held-out loss stays too, and is what <c>model/</c> holds in the end.</summary>
    /// <value>Default false: <c>model/</c> holds the last step.</value>
    /// <remarks>Every evaluation must fall on a checkpoint: <c>evaluation.every_steps</c> is a multiple of <see cref="EverySteps"/>.</remarks>
    public bool KeepBest { get; init; }
}
