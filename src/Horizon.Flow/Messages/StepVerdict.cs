namespace Horizon.Flow.Messages;

/// <summary>What was decided on a step's gradients; each carries it to its update.</summary>
/// <param name="Losses">The step's losses.</param>
/// <param name="Scale">What gradients are multiplied by: the clip factor, else 1.</param>
/// <param name="SkipReason">Why the update is left out, in words; null when it is not.</param>
public sealed record StepVerdict(StepLosses Losses, float Scale, string? SkipReason);
