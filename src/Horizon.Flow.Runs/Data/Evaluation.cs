namespace Horizon.Flow.Runs.Data;

/// <summary>What a look at held-out data gave.</summary>
/// <param name="Loss">The mean loss.</param>
/// <param name="Metrics">The objective's metrics by their names; none for the next token.</param>
internal sealed record Evaluation(double Loss, IReadOnlyDictionary<string, double> Metrics);
