using Horizon.Flow.Host.Store;
using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>
/// The operators of the head: final norm, output projection and the loss. Logits exist for a chunk of tokens at a time, never for
/// all. Every call runs on the compute lane; what it returns is in the dispose scope of the caller.
/// </summary>
public interface IHeadTemplate
{
    /// <summary>Loss and all gradients of the head in one visit.</summary>
    /// <param name="parameters">The unit's weights on the device.</param>
    /// <param name="gradients">
    /// Where the parameters' gradients go: every element of the unit is written, zeros for parameters the head does not use.
    /// Null for a frozen head.
    /// </param>
    /// <param name="hidden">[batch, sequence, hidden]; owned by the caller.</param>
    /// <param name="batch">Ids and targets.</param>
    /// <param name="lossScale">1 / labelled tokens of the whole optimizer step: gradients are of lossScale * the sum of losses.</param>
    HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale);

    /// <summary>The same where each labelled token's cross-entropy has a scale of its own: what a loss of the labels' log-probabilities, whatever it is, needs of a head.</summary>
    /// <param name="parameters">The unit's weights on the device.</param>
    /// <param name="gradients">Where the parameters' gradients go; null for a frozen head.</param>
    /// <param name="hidden">[batch, sequence, hidden]; owned by the caller.</param>
    /// <param name="batch">Ids and targets.</param>
    /// <param name="lossScales">[labelled tokens] fp32: gradients are of the sum of scale * cross-entropy, so a scale is minus the derivative by the log-probability.</param>
    /// <exception cref="HorizonException">The head has no such gradients.</exception>
    HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, Tensor lossScales) => throw new HorizonException(
        $"{GetType().Name} cannot differentiate log-probabilities; override {nameof(Differentiate)} with a scale for each labelled token, or use a head that does");

    /// <summary>The same where the loss is any function of the labelled tokens' logits.</summary>
    /// <param name="parameters">The unit's weights on the device.</param>
    /// <param name="gradients">Where the parameters' gradients go; null for a frozen head.</param>
    /// <param name="hidden">[batch, sequence, hidden]; owned by the caller.</param>
    /// <param name="batch">Which tokens are labelled.</param>
    /// <param name="loss">Is asked for chunk after chunk.</param>
    /// <exception cref="HorizonException">The head has no such gradients.</exception>
    HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, LogitsLoss loss) => throw new HorizonException(
        $"{GetType().Name} cannot differentiate a loss of logits; override {nameof(Differentiate)} with a {nameof(LogitsLoss)}, or use a head that does");

    /// <summary>Shows the labelled tokens' logits, a chunk at a time; all at once by default.</summary>
    /// <param name="parameters">The unit's weights on the device.</param>
    /// <param name="hidden">[batch, sequence, hidden].</param>
    /// <param name="batch">Which tokens are labelled.</param>
    /// <param name="look">The chunk's first token among the labelled ones, and [chunk, vocabulary] fp32.</param>
    void ForEachLogits(ParameterViews parameters, Tensor hidden, DeviceBatch batch, Action<long, Tensor> look)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(look);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        look(0, Logits(parameters, batch.LabelledRows(hidden)));
    }

    /// <summary>The sum of cross-entropies over the labelled tokens, fp32 or fp64 scalar on the device.</summary>
    Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch);

    /// <summary>What an evaluation's visit gives: the loss, and where a head has them numbers for the host.</summary>
    HeadScore Score(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => new(LossSum(parameters, hidden, batch));

    /// <summary>[tokens, vocabulary] fp32 logits of hidden states [tokens, hidden]. For few tokens.</summary>
    Tensor Logits(ParameterViews parameters, Tensor hidden);

    /// <summary>[labelled tokens] fp32: the log-probability of each label, in the order of <see cref="DeviceBatch.LabelledTokens"/>.</summary>
    Tensor LogProbabilities(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var logits_NV = Logits(parameters, batch.LabelledRows(hidden));
        var labels_N1 = batch.Targets.flatten().index_select(0, batch.LabelledTokens).unsqueeze(1);
        return nn.functional.log_softmax(logits_NV, -1).gather(1, labels_N1).squeeze(1).MoveToOuterDisposeScope();
    }

    /// <summary>Device bytes that the visit needs beside its input, its unit and that unit's gradients: the logits of one chunk, above all.</summary>
    /// <param name="unit">The unit's layout.</param>
    /// <param name="batch">The micro-batch.</param>
    long WorkingBytes(UnitLayout unit, BatchShape batch);

    /// <summary>The roles of the final norm's parameters: what a head of another kind keeps of this one.</summary>
    /// <value>None by default: the head has no norm that stands alone.</value>
    IReadOnlyList<string> NormRoles => [];

    /// <summary>[rows, hidden]: the final norm of hidden states, without the output projection.</summary>
    /// <param name="parameters">Those of <see cref="NormRoles"/>, at least.</param>
    /// <param name="rows">[rows, hidden].</param>
    /// <param name="batch">For the device's operators.</param>
    /// <exception cref="HorizonException">The head has no norm that stands alone.</exception>
    Tensor Norm(ParameterViews parameters, Tensor rows, DeviceBatch batch) => throw NoNorm();

    /// <summary>[rows, hidden]: the gradient of hidden states through the final norm; the norm's own gradients are written where they belong.</summary>
    /// <param name="parameters">Those of <see cref="NormRoles"/>, at least.</param>
    /// <param name="gradients">Theirs; null where they are not wanted.</param>
    /// <param name="rows">[rows, hidden].</param>
    /// <param name="batch">For the device's operators.</param>
    /// <param name="rest">From the normed rows to their gradient.</param>
    /// <exception cref="HorizonException">The head has no norm that stands alone.</exception>
    Tensor DifferentiateNorm(ParameterViews parameters, ParameterViews? gradients, Tensor rows, DeviceBatch batch, Func<Tensor, Tensor> rest) => throw NoNorm();

    private HorizonException NoNorm() => new($"{GetType().Name} has no norm that stands alone; override {nameof(NormRoles)}, {nameof(Norm)} and {nameof(DifferentiateNorm)} to build another head on it");
}
