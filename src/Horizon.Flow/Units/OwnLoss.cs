using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>
/// What a unit adds to the loss by itself, beside what its output leads to: something that it computes on the way, and the gradient of the step's loss by it, which may depend on what other
/// units did in the same micro-batch.
/// </summary>
/// <param name="Value">Part of the unit's autograd graph; any shape.</param>
/// <param name="Gradient">Asked for in backward, when all of the micro-batch's forward is done: of the value's shape, in the scale of the step's mean loss.</param>
public sealed record OwnLoss(Tensor Value, Func<Tensor> Gradient);
