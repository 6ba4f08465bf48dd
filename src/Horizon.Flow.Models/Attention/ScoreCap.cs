namespace Horizon.Flow.Models.Attention;

/// <summary>How scores are capped: cap * tanh(scale * query . key / cap).</summary>
/// <param name="Scale">Of the products.</param>
/// <param name="Cap">What no score reaches; above 0.</param>
internal readonly record struct ScoreCap(double Scale, double Cap);
