namespace Horizon.Flow.Models.Common;

/// <summary>Operations of attention for each token: a score and a weighted value for each token seen and query head.</summary>
internal static class AttentionOperations
{
    public static double Of(ModelConfig config, int? slidingWindow, double context) =>
        4.0 * config.HeadCount * config.HeadDimension * Math.Min(context, slidingWindow ?? double.PositiveInfinity);
}
