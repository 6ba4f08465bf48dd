using Horizon.Flow.Activations;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>
/// The operators of one kind of unit, with no parameters of their own. Every call runs on the device's compute lane,
/// synchronously. What it returns is in the dispose scope of the caller, so that a body which goes on computing with it leaks nothing.
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
    /// <see cref="IUnitTape.Bind"/> are there. With <see cref="ActivationPolicy.Keep"/>, other tapes get a copy of the unit's weights of their own.
    /// </summary>
    bool CanBindTapes => false;

    /// <summary>Whether <see cref="IUnitTape.Narrow"/> of its tapes lets anything go; only where <see cref="CanBindTapes"/>.</summary>
    bool CanNarrowTapes => false;

    /// <summary>
    /// True for a part of a layer: it adds to one half of its input, or leaves it for the next layer, and computes with the other half, which all parts of the layer read and none changes. So its
    /// backward needs the input of any part of the layer: those that follow one another in <see cref="ModelDefinition.Hidden"/> are recomputed from the first one's, each right before its own
    /// backward, and nothing is kept of them.
    /// </summary>
    bool IsPart => false;

    /// <summary>Whether the unit's matrix products are computed in fp8.</summary>
    bool MultipliesInFp8 => false;

    /// <summary>
    /// Tokens of a context within which <see cref="Forward"/> knows of <see cref="DeviceBatch.Recall"/>, or looks at no other token than its own: so long
    /// a text is generated without computing its beginning again for every token. 0 where it does not know of it.
    /// </summary>
    int LongestRecall => 0;

    /// <summary>Forward with nothing kept for backward.</summary>
    /// <param name="parameters">The unit's weights on the device.</param>
    /// <param name="input">[batch, sequence, hidden]; null for an embedding. Owned by the caller.</param>
    /// <param name="batch">Ids, positions and mask.</param>
    /// <returns>[batch, sequence, hidden], in the caller's dispose scope.</returns>
    Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch);

    /// <summary>Forward again, keeping what backward needs. Bitwise the same output as <see cref="Forward"/>.</summary>
    /// <param name="parameters">The unit's weights on the device; they stay bound until the tape is disposed, or bound to others.</param>
    /// <param name="input">[batch, sequence, hidden]; null for an embedding. Owned by the caller, alive as long as the tape.</param>
    /// <param name="batch">Ids, positions and mask.</param>
    IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch);

    /// <summary>Device bytes that a tape holds beside its input and its output.</summary>
    /// <param name="unit">The unit's layout.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <value>By default an estimate: twice the outputs of all matrices.</value>
    long TapeBytes(UnitLayout unit, BatchShape batch) => IsEmbedding ? 0 : 2 * MatrixOutputs(unit) * batch.TokenBytes;

    /// <summary>Device bytes that a tape still holds when its output was taken: what a kept layer costs.</summary>
    /// <param name="unit">The unit's layout.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <value>By default as much as before.</value>
    long KeptTapeBytes(UnitLayout unit, BatchShape batch) => TapeBytes(unit, batch);

    /// <summary>Device bytes that a tape whose output was taken holds at most in its backward, which makes again what went.</summary>
    /// <param name="unit">The unit's layout.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <value>By default all that it held.</value>
    long ResumedTapeBytes(UnitLayout unit, BatchShape batch) => TapeBytes(unit, batch);

    /// <summary>Device bytes that a tape still holds when it was narrowed.</summary>
    /// <param name="unit">The unit's layout.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <value>By default as much as before.</value>
    long NarrowTapeBytes(UnitLayout unit, BatchShape batch) => KeptTapeBytes(unit, batch);

    /// <summary>Operations for each token that the backward of a narrowed tape computes again.</summary>
    /// <param name="unit">The unit's layout.</param>
    /// <value>By default none.</value>
    double NarrowOperations(UnitLayout unit) => 0;

    /// <summary>
    /// Device bytes that forward, recomputation or backward, whichever takes most, needs beside the input and the tape: the output,
    /// the gradient of the output, temporaries.
    /// </summary>
    /// <param name="unit">The unit's layout.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <value>By default an estimate: the outputs of all matrices once more; of an embedding, its rows four times in fp32.</value>
    long WorkingBytes(UnitLayout unit, BatchShape batch) => IsEmbedding
        ? 4 * Matrices(unit).Sum(slot => slot.Shape[1]) * batch.WideTokenBytes
        : MatrixOutputs(unit) * batch.TokenBytes;

    /// <summary>Device bytes that forward alone needs beside the input and the tape.</summary>
    /// <param name="unit">The unit's layout.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <value>By default <see cref="WorkingBytes"/>.</value>
    long ForwardBytes(UnitLayout unit, BatchShape batch) => WorkingBytes(unit, batch);

    /// <summary>Device bytes of the largest tensor that forward or backward makes: such a block is split for smaller tensors that stay, and another one made.</summary>
    /// <param name="unit">The unit's layout.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <value>By default the widest matrix's output, of the tokens of rows that are not cut; of an embedding nothing.</value>
    long LargestTensorBytes(UnitLayout unit, BatchShape batch) =>
        IsEmbedding ? 0 : Matrices(unit).Select(slot => slot.Shape.Max()).DefaultIfEmpty(0).Max() * batch.UncutTokens * batch.Type.ByteSize();

    /// <summary>Operations of forward for each token; a multiplication and an addition are two. Backward takes twice as many.</summary>
    /// <param name="unit">The unit's layout.</param>
    /// <param name="context">Tokens that a token sees, on average, where no window cuts them off.</param>
    /// <value>By default those of all matrices, without attention; of an embedding, which looks rows up, none.</value>
    double ForwardOperations(UnitLayout unit, double context) => IsEmbedding ? 0 : 2.0 * Matrices(unit).Sum(slot => slot.Count);

    /// <summary>Numbers that the operators between matrix products read and write for each token, in units of what a dense layer's do for one number that a product gives: for the plan's time of a step.</summary>
    /// <param name="unit">The unit's layout.</param>
    /// <param name="hidden">Width of the hidden state.</param>
    /// <value>By default as many as the products have.</value>
    double NumbersBetween(UnitLayout unit, int hidden) => ForwardOperations(unit, 0) / (2.0 * hidden);

    private static long MatrixOutputs(UnitLayout unit) => Matrices(unit).Sum(slot => slot.Shape[0]);

    private static IEnumerable<ParameterSlot> Matrices(UnitLayout unit) => unit.Parameters.Where(slot => slot.Shape.Count == 2);
}
