using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>A loss of the logits, whatever it is, a chunk of labelled tokens at a time.</summary>
/// <param name="first">The chunk's first token, among the labelled ones.</param>
/// <param name="logits">[chunk, vocabulary] fp32; lent.</param>
/// <returns>The sum of the chunk's losses, a scalar, and [chunk, vocabulary]: its gradient by the logits, scaled as the gradients are to be.</returns>
public delegate (Tensor Sum, Tensor Gradient) LogitsLoss(long first, Tensor logits);
