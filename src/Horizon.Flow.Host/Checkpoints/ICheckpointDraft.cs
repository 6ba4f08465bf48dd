namespace Horizon.Flow.Host.Checkpoints;

/// <summary>A checkpoint in the making. Disposed before its commit, it leaves nothing.</summary>
public interface ICheckpointDraft : IAsyncDisposable
{
    /// <summary>Writes a unit, which must not change meanwhile. One at a time, in any order.</summary>
    /// <param name="unit">Its place in the model.</param>
    /// <param name="image">Its buffers.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="HorizonException">It cannot be written.</exception>
    Task WriteUnitAsync(int unit, UnitImage image, CancellationToken cancellationToken = default);

    /// <summary>Makes the checkpoint count, after all units were written.</summary>
    /// <param name="manifest">What it says of itself; the files are filled in here.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Where it lies.</returns>
    /// <exception cref="HorizonException">It cannot be written.</exception>
    Task<string> CommitAsync(CheckpointManifest manifest, CancellationToken cancellationToken = default);
}
