namespace Horizon.Flow.Units;

/// <summary>The head's visit: a unit of the store (with a tied head, the embedding's) and the operators it is bound to.</summary>
/// <param name="Unit">Index into <see cref="ModelDefinition.Units"/>.</param>
/// <param name="Template">The operators.</param>
public sealed record HeadBinding(int Unit, IHeadTemplate Template);
