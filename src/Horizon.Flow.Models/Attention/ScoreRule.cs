namespace Horizon.Flow.Models.Attention;

/// <summary>How scores come from products of queries and keys: scale * product, or cap * tanh(scale * product / cap).</summary>
/// <param name="Scale">Of the products.</param>
/// <param name="Cap">What no score reaches, above 0; null for none.</param>
internal readonly record struct ScoreRule(double Scale, double? Cap = null);
