using static TorchSharp.torch;

namespace Horizon.Flow.Units;

// Letters: B batch, S sequence, K key heads, V value heads, D key width, E value width.

/// <summary>What linear attention depends on, between its projections.</summary>
/// <param name="Mixed">[B, S, 2 * K * D + V * E]: queries, keys and values before the convolution, in the type of the hidden state.</param>
/// <param name="Taps">[channels, taps]: the convolution's; the last is the present token's.</param>
/// <param name="Decay">[B, S, V] fp32: the logarithm of the state's decay; at most 0.</param>
/// <param name="Strength">[B, S, V] fp32: the part that is replaced; from 0 to 1.</param>
/// <param name="Gate">[B, S, V * E]: what opens the output, before its curve.</param>
/// <param name="NormWeight">[E].</param>
/// <param name="Epsilon">Added to the mean square of an output's head.</param>
public sealed record DeltaInputs(Tensor Mixed, Tensor Taps, Tensor Decay, Tensor Strength, Tensor Gate, Tensor NormWeight, double Epsilon)
{
    /// <summary>The tensors in their order.</summary>
    public IReadOnlyList<Tensor> Tensors => [Mixed, Taps, Decay, Strength, Gate, NormWeight];
}
