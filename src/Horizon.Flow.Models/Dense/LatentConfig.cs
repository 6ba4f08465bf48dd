namespace Horizon.Flow.Models.Dense;

/// <summary>Latent attention (DeepSeek-V2, arXiv 2405.04434): queries, and keys and values together, through a narrow vector each.</summary>
/// <param name="QueryRank">Width of the queries' vector; null where they come from the hidden state at once.</param>
/// <param name="KeyValueRank">Width of the other.</param>
/// <param name="PlainWidth">Channels of a query or key head that do not turn.</param>
/// <param name="RotatedWidth">Channels that turn; those of the keys are one for all heads.</param>
/// <param name="ValueWidth">Channels of a value head.</param>
internal sealed record LatentConfig(int? QueryRank, int KeyValueRank, int PlainWidth, int RotatedWidth, int ValueWidth)
{
    /// <summary>Channels of a query or key head.</summary>
    public int KeyWidth => PlainWidth + RotatedWidth;
}
