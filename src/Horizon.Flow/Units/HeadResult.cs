using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>What the head's visit gives.</summary>
/// <param name="LossSum">Scalar on the device: the sum of cross-entropies over the labelled tokens, unscaled.</param>
/// <param name="InputGradient">[batch, sequence, hidden], scaled.</param>
public sealed record HeadResult(Tensor LossSum, Tensor InputGradient);
