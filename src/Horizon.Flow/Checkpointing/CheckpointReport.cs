namespace Horizon.Flow.Checkpointing;

/// <summary>A checkpoint that is complete.</summary>
/// <param name="Step">The step after which the state was taken.</param>
/// <param name="Path">Where it lies.</param>
/// <param name="ByteLength">Bytes of all units.</param>
/// <param name="Elapsed">From the first unit of the step to the end.</param>
/// <param name="CopiedUnits">Units that were copied because their next update came before the disk was ready for them.</param>
/// <param name="Waited">How long training waited, for a free copy buffer or for the checkpoint before: the disk did not keep up.</param>
public sealed record CheckpointReport(long Step, string Path, long ByteLength, TimeSpan Elapsed, int CopiedUnits, TimeSpan Waited);
