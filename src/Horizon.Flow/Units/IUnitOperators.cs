using static TorchSharp.torch;

namespace Horizon.Flow.Units;

// Letters: T tokens, H width, N heads of a token, D head width, F feed-forward width, C tokens of a chunk, V vocabulary.

/// <summary>
/// The operators between a unit's matrix products, forward and backward, as a device computes them best. Templates get them with the
/// batch (<see cref="DeviceBatch.Operators"/>). Tensors are contiguous, statistics are taken in fp32, nothing is recorded for autograd, and
/// the same arguments give the same bits. Called on the compute lane with gradients off; results belong to the caller's dispose scope.
/// </summary>
public interface IUnitOperators
{
    /// <summary>Whether <see cref="CrossEntropy"/> makes one pass over logits in their own type, so that large chunks pay.</summary>
    bool FusesCrossEntropy { get; }

    /// <summary>Whether the device has libtorch's kernel of attention that knows where documents begin (flash, in bf16, heads of up to 256 in eights).</summary>
    bool AttendsByDocument => false;

    /// <summary>Whether the device has cuDNN's attention for rows that are one document each, in bf16: about twice as fast as flash (generations 9 and 10).</summary>
    bool AttendsByRow => false;

    /// <summary>Whether the device multiplies groups of rows, each with a matrix of its own, in one kernel that reads where they end from device memory (libtorch's <c>_grouped_mm</c>; bf16, generations 9 and 10).</summary>
    /// <param name="type">Of rows and matrices.</param>
    bool MultipliesGroups(ScalarType type) => false;

    /// <summary>
    /// Whether two runs give the same bits. Only a GPU has anything to gain by false: sums of attention's backward, and of what autograd derives, in no
    /// fixed order.
    /// </summary>
    bool IsDeterministic => true;

    /// <summary>Matrix products in fp8; null where the device has none.</summary>
    IFp8Operators? Fp8 => null;

    /// <summary>Linear attention by kernels of the device's own; null where it has none, and libtorch's operators and autograd compute it.</summary>
    IDeltaOperators? Delta => null;

    /// <summary>A part of attention's backward over whole rows by a kernel of the device's own; null where it has none, and flash computes that backward in a fixed order.</summary>
    IRowAttention? RowAttention => null;

    /// <summary>How many blocks of attention's backward run at once: the multiprocessors of a GPU; 0 where it does not matter.</summary>
    int Multiprocessors => 0;

    /// <summary>RMS norm (Zhang and Sennrich 2019, equation 4) of the sum of one or two tensors.</summary>
    /// <param name="x">[T, H].</param>
    /// <param name="added">[T, H], added first; null for none.</param>
    /// <param name="weight">[H].</param>
    /// <param name="epsilon">Added to the mean square.</param>
    NormResult Norm(Tensor x, Tensor? added, Tensor weight, double epsilon);

    /// <summary>The gradient of the norm's input; the weight's is written where it belongs.</summary>
    /// <param name="gradient">[T, H], of the norm's output.</param>
    /// <param name="x">[T, H]: what was normalized.</param>
    /// <param name="weight">[H].</param>
    /// <param name="inverse">[T, 1] fp32, from <see cref="Norm"/>.</param>
    /// <param name="added">[T, H]: another gradient of the same input, added; null for none.</param>
    /// <param name="weightGradient">[H], overwritten; null where it is not wanted.</param>
    Tensor NormBackward(Tensor gradient, Tensor x, Tensor weight, Tensor inverse, Tensor? added, Tensor? weightGradient);

    /// <summary>Turns the first heads of each token in place: x * cosine + (x with its halves swapped) * sine.</summary>
    /// <param name="heads">[T, N, D].</param>
    /// <param name="count">How many heads of each token turn.</param>
    /// <param name="cosine">[T, 1, D] in the type of the heads.</param>
    /// <param name="sine">[T, 1, D], negative in the first half.</param>
    /// <param name="backwards">Turns the other way, as the gradient does.</param>
    void Rotate(Tensor heads, long count, Tensor cosine, Tensor sine, bool backwards);

    /// <summary>Attention's gradients as those of the projections: queries and keys turned back as <see cref="Rotate"/> does, all side by side.</summary>
    /// <param name="query">[T, Q, D].</param>
    /// <param name="key">[T, K, D].</param>
    /// <param name="value">[T, K, D].</param>
    /// <param name="cosine">[T, 1, D] in the type of the heads.</param>
    /// <param name="sine">[T, 1, D], negative in the first half.</param>
    /// <returns>[T, Q + 2K, D].</returns>
    Tensor JoinHeads(Tensor query, Tensor key, Tensor value, Tensor cosine, Tensor sine)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(key);
        var heads = cat([query, key, value], 1);
        Rotate(heads, query.shape[1] + key.shape[1], cosine, sine, backwards: true);
        return heads;
    }

    /// <summary>silu(gate) * up (Shazeer 2020).</summary>
    /// <param name="gateAndUp">[T, 2F]: the gate's outputs, then the others.</param>
    /// <returns>[T, F].</returns>
    Tensor Gate(Tensor gateAndUp);

    /// <summary>
    /// The gradient of <see cref="Gate"/>'s input, over that input, and in the same pass the output of <see cref="Gate"/> once more, over its
    /// gradient: the next product's weights need it, and it need not be kept.
    /// </summary>
    /// <param name="gradient">[T, F]; overwritten by what <see cref="Gate"/> gave, to the last bit.</param>
    /// <param name="gateAndUp">[T, 2F]; overwritten by its gradient.</param>
    void GateBackward(Tensor gradient, Tensor gateAndUp);

    /// <summary>Cross-entropies of a chunk; the logits are overwritten.</summary>
    /// <param name="logits">[C, V]; becomes (softmax - target) * scale where a scale is given, undefined otherwise.</param>
    /// <param name="labels">[C] int64.</param>
    /// <param name="scale">Of the gradient; null for losses alone.</param>
    /// <param name="smoothing">The share of the target that lies evenly on all V tokens, the rest on the label (Szegedy et al. 2016, arXiv 1512.00567); in [0, 1).</param>
    /// <returns>The gradient of the logits in their type (the logits themselves, or a new tensor), null without a scale; and the loss of each token.</returns>
    (Tensor? Gradient, Tensor Losses) CrossEntropy(Tensor logits, Tensor labels, double? scale, double smoothing = 0);
}
