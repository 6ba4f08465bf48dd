namespace Horizon.Flow.Models.Dense;

/// <summary>Linear attention by the gated delta rule (Gated DeltaNet, arXiv 2412.06464), behind a short convolution.</summary>
/// <param name="KeyHeads">K: query and key heads.</param>
/// <param name="ValueHeads">A multiple of K: as many neighbouring ones share a key head.</param>
/// <param name="KeyWidth">D: channels of a query or key head.</param>
/// <param name="ValueWidth">E: channels of a value head.</param>
/// <param name="Taps">Tokens that the convolution sees, the present one included.</param>
/// <param name="FusedByHead">
/// Two matrices, in which what belongs to a key head stands side by side: query, key, values and output gates; strengths and decays (Qwen3-Next). Otherwise four:
/// queries, keys and values; output gates; strengths; decays (Qwen3.5).
/// </param>
internal sealed record DeltaConfig(int KeyHeads, int ValueHeads, int KeyWidth, int ValueWidth, int Taps, bool FusedByHead)
{
    /// <summary>Channels of all queries, or of all keys.</summary>
    public int Keys => KeyHeads * KeyWidth;

    /// <summary>Channels of all values.</summary>
    public int Values => ValueHeads * ValueWidth;

    /// <summary>Value heads of a key head.</summary>
    public int Group => ValueHeads / KeyHeads;
}
