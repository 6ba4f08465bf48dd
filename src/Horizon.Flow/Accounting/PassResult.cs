using Horizon.Flow.Messages;

namespace Horizon.Flow.Accounting;

/// <summary>What a pass that changes nothing gave.</summary>
/// <param name="Info">The pass.</param>
/// <param name="Losses">Its losses; null where it gives none.</param>
/// <param name="Results">The numbers that its visits gave, in the order of the program.</param>
public sealed record PassResult(StepInfo Info, StepLosses? Losses, IReadOnlyList<HostResult> Results)
{
    /// <summary>The units' gradients, where the pass was for these.</summary>
    public IReadOnlyList<CollectedGradient> Gradients { get; init; } = [];
}
