namespace Horizon.Flow.Host.Checkpoints;

/// <summary>
/// One slice of every unit of a checkpoint in the making; several processes write the others into the same folder. Whoever commits does so once all have finished: until then
/// there is no checkpoint. Disposed, it leaves its files where they are; <see cref="TrainingCheckpoints.RemoveUnfinished"/> clears them away.
/// </summary>
public interface ICheckpointSliceDraft : IAsyncDisposable
{
    /// <summary>Writes the slice of a unit, which must not change meanwhile. One at a time, in any order.</summary>
    /// <param name="unit">Its place in the model.</param>
    /// <param name="image">The slice's buffers.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="HorizonException">It cannot be written.</exception>
    Task WriteUnitAsync(int unit, UnitImage image, CancellationToken cancellationToken = default);

    /// <summary>Ends when all slices that were written here are on disk.</summary>
    /// <returns>[units]: their files.</returns>
    /// <exception cref="HorizonException">They cannot be written.</exception>
    Task<IReadOnlyList<CheckpointFile>> FinishAsync(CancellationToken cancellationToken = default);

    /// <summary>Makes the checkpoint count, for all slices: one process calls it, after every one has finished.</summary>
    /// <param name="manifest">With the files of all slices, see <see cref="CheckpointManifest.InSlices"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Where it lies.</returns>
    /// <exception cref="HorizonException">It cannot be written.</exception>
    Task<string> CommitAsync(CheckpointManifest manifest, CancellationToken cancellationToken = default);
}
