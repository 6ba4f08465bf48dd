namespace Horizon.Flow.Units;

/// <summary>One visit of the forward order: a unit of the store and the operators it is bound to.</summary>
/// <param name="Unit">Index into <see cref="ModelDefinition.Units"/>.</param>
/// <param name="Template">The operators.</param>
public sealed record HiddenBinding(int Unit, IUnitTemplate Template);
