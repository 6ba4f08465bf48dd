using Horizon.Flow.Host.Checkpoints;

namespace Horizon.Flow.Tests.Checkpointing;

/// <summary>A folder whose disk stands still until a gate opens, or fails at a unit.</summary>
/// <param name="folder">The folder.</param>
/// <param name="gate">The gate.</param>
public sealed class GatedTarget(TrainingCheckpoints folder, Task gate) : ICheckpointTarget
{
    /// <summary>The write of this many units goes well, the next one fails.</summary>
    public int? FailsAtUnit { get; init; }

    public ICheckpointDraft Begin(long step, long byteLength) => new Draft(folder.Begin(step, byteLength), gate, FailsAtUnit);

    public void Prune(long step) => folder.Prune(step);

    private sealed class Draft(ICheckpointDraft inner, Task gate, int? failsAt) : ICheckpointDraft
    {
        private int _written;

        public async Task WriteUnitAsync(int unit, UnitImage image, CancellationToken cancellationToken)
        {
            await gate.WaitAsync(cancellationToken);
            if (_written++ == failsAt) throw new HorizonException("disk full");
            await inner.WriteUnitAsync(unit, image, cancellationToken);
        }

        public Task<string> CommitAsync(CheckpointManifest manifest, CancellationToken cancellationToken) => inner.CommitAsync(manifest, cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
