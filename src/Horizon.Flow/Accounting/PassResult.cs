namespace Horizon.Flow;

/// <summary>What a pass that changes nothing gave.</summary>
/// <param name="Info">The pass.</param>
/// <param name="Losses">Its losses; null where it gives none.</param>
/// <param name="Results">The numbers that its visits gave, in the order of the program.</param>
public sealed record PassResult(StepInfo Info, StepLosses? Losses, IReadOnlyList<HostResult> Results);
