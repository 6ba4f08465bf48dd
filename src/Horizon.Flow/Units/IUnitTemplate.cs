using static TorchSharp.torch;

namespace Horizon.Flow;

/// <summary>
/// The operators of one kind of unit, with no parameters of their own. Every call runs on the device's compute lane,
/// synchronously, and disposes whatever it does not return.
/// </summary>
public interface IUnitTemplate
{
    /// <summary>
    /// False where the backward pass reads no weights (an embedding's scatter): the unit is then not uploaded a second time.
    /// </summary>
    bool BackwardNeedsWeights { get; }

    /// <summary>True for the first unit, whose input is the batch's token ids and which has no input gradient.</summary>
    bool IsEmbedding { get; }

    /// <summary>
    /// True where a tape may outlive the weights that it was made with: <see cref="IUnitTape.TakeOutput"/> and
    /// <see cref="IUnitTape.Bind"/> are there. Only such units can have <see cref="ActivationPolicy.Keep"/>.
    /// </summary>
    bool CanKeepTapes => false;

    /// <summary>Forward with nothing kept for backward.</summary>
    /// <param name="parameters">The unit's weights on the device.</param>
    /// <param name="input">[batch, sequence, hidden]; null for an embedding. Owned by the caller.</param>
    /// <param name="batch">Ids, positions and mask.</param>
    /// <returns>[batch, sequence, hidden], owned by the caller.</returns>
    Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch);

    /// <summary>Forward again, keeping what backward needs. Bitwise the same output as <see cref="Forward"/>.</summary>
    /// <param name="parameters">The unit's weights on the device; they stay bound until the tape is disposed, or bound to others.</param>
    /// <param name="input">[batch, sequence, hidden]; null for an embedding. Owned by the caller, alive as long as the tape.</param>
    /// <param name="batch">Ids, positions and mask.</param>
    IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch);
}
