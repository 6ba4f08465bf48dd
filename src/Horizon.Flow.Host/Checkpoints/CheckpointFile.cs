namespace Horizon.Flow.Host.Checkpoints;

/// <summary>One file of a checkpoint, as its manifest vouches for it.</summary>
/// <param name="Name">Its name in the folder.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Checksum">XXH128 of its bytes, 32 hexadecimal digits.</param>
public sealed record CheckpointFile(string Name, long Bytes, string Checksum);
