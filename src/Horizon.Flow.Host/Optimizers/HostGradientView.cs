namespace Horizon.Flow.Host;

/// <summary>A unit's flat gradient in host memory, as the update reads it. Owns nothing.</summary>
/// <param name="Address">First element.</param>
/// <param name="Type"><see cref="ElementType.BFloat16"/> or <see cref="ElementType.Float32"/>.</param>
/// <param name="Count">Elements; equals the unit's <see cref="UnitLayout.ElementCount"/>.</param>
public readonly record struct HostGradientView(nint Address, ElementType Type, long Count);
