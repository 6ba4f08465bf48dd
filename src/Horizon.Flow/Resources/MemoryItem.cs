namespace Horizon.Flow.Resources;

/// <summary>One line of a memory budget.</summary>
/// <param name="Place">Host or device.</param>
/// <param name="Kind">What lies there.</param>
/// <param name="Bytes">How much of it.</param>
/// <param name="How">How it was worked out.</param>
public sealed record MemoryItem(MemoryPlace Place, string Kind, long Bytes, string How);
