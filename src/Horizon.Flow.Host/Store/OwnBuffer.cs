namespace Horizon.Flow.Host.Store;

/// <summary>
/// State of a user's own beside each unit: a buffer that the store holds, zeros at first, and that checkpoints carry. For averages of the
/// weights, residues of compressed gradients, and the like.
/// </summary>
/// <param name="Name">Unique among a store's; its name in <see cref="UnitState.Own"/> and, behind <c>own.</c>, in checkpoints.</param>
/// <param name="BytesOf">Bytes for a unit; 0 for none.</param>
public sealed record OwnBuffer(string Name, Func<UnitLayout, long> BytesOf);
