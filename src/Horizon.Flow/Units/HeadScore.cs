using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>What an evaluation's visit of the head gives.</summary>
/// <param name="LossSum">Scalar on the device: the sum of the losses.</param>
public sealed record HeadScore(Tensor LossSum)
{
    /// <summary>Numbers for the host, beside the loss; they go there where the program's visit gives a result. Null for none.</summary>
    public Tensor? Numbers { get; init; }
}
