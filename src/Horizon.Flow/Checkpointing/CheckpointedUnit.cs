using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Checkpointing;

/// <summary>A unit on its way into a checkpoint.</summary>
internal sealed class CheckpointedUnit(int index, UnitImage image)
{
    private readonly TaskCompletionSource _safe = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Index { get; } = index;

    /// <summary>The store's own buffers, or the copy.</summary>
    public UnitImage Image { get; set; } = image;

    /// <summary>The copy's memory.</summary>
    public HostBuffer? Copy { get; set; }

    /// <summary>The unit is at the checkpoint's step, and waits for the disk.</summary>
    public bool IsQueued { get; set; }

    /// <summary>The unit was taken: its update of the checkpoint's step is behind it.</summary>
    public bool IsOffered { get; set; }

    /// <summary>When an update began to wait for the disk to have the unit.</summary>
    public long? WaitingSince { get; set; }

    /// <summary>Ends when the store's buffers may change again.</summary>
    public Task Safe => _safe.Task;

    public void MarkSafe() => _safe.TrySetResult();
}
