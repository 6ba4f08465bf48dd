namespace Horizon.Flow.Host.Checkpoints;

/// <summary>Where checkpoints go: a folder (<see cref="TrainingCheckpoints"/>), or a place of a user's own.</summary>
public interface ICheckpointTarget
{
    /// <summary>Begins a checkpoint. Until it is committed, nothing that was there before changes.</summary>
    /// <param name="step">The step after which the state was taken.</param>
    /// <param name="byteLength">How much will come, so that too little room shows at once.</param>
    /// <exception cref="HorizonException">There is no room, or nothing can be written there.</exception>
    ICheckpointDraft Begin(long step, long byteLength);

    /// <summary>Removes checkpoints that are no longer wanted, after that of <paramref name="step"/> is complete.</summary>
    /// <exception cref="HorizonException">They cannot be removed.</exception>
    void Prune(long step);
}
