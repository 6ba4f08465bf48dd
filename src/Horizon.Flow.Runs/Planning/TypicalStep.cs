namespace Horizon.Flow.Runs.Planning;

/// <summary>What the time of a step depends on beside its memory.</summary>
/// <param name="Tokens">Tokens of a step on average, without padding.</param>
/// <param name="DocumentLength">Tokens of a document on average; running text may be cut into rows.</param>
/// <param name="WholeRows">Whether every row is one document that fills it.</param>
public sealed record TypicalStep(double Tokens, double DocumentLength, bool WholeRows = false);
