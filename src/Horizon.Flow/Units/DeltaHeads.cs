namespace Horizon.Flow.Units;

/// <summary>Numbers and widths of linear attention's heads.</summary>
/// <param name="Keys">K: query and key heads.</param>
/// <param name="Values">V: value heads; a multiple of K, as many neighbouring ones share a key head.</param>
/// <param name="KeyWidth">D: channels of a query or key head.</param>
/// <param name="ValueWidth">E: channels of a value head.</param>
/// <param name="Taps">Tokens that the convolution sees, the present one included.</param>
public sealed record DeltaHeads(int Keys, int Values, int KeyWidth, int ValueWidth, int Taps)
{
    /// <summary>Channels of all queries, keys and values.</summary>
    public int Channels => (2 * Keys * KeyWidth) + (Values * ValueWidth);
}
