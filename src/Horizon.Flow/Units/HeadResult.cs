using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>What the head's visit gives.</summary>
/// <param name="LossSum">Scalar on the device: the sum of cross-entropies over the labelled tokens, unscaled.</param>
/// <param name="InputGradient">[batch, sequence, hidden], scaled.</param>
public sealed record HeadResult(Tensor LossSum, Tensor InputGradient)
{
    /// <summary>Numbers for the host, beside the loss; they go there where the program's visit gives a result. Null for none.</summary>
    public Tensor? Numbers { get; init; }
}
