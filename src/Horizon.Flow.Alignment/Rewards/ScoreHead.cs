using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Rewards;

// Letters: S sequences, H hidden.

/// <summary>
/// The head of a reward model: the score of a sequence is its last token's normed hidden state times one row. What other heads give for each label, their
/// log-probability, this one gives for each sequence, its score: <see cref="TrainingRun.LogProbabilitiesAsync"/> gives scores, and a
/// <see cref="LogProbabilityObjective"/> is a loss of them.
/// </summary>
/// <remarks>The last token is the one behind a sequence's last label, which is what that label predicts.</remarks>
/// <param name="plain">The language model's head, whose norm is used.</param>
internal sealed class ScoreHead(IHeadTemplate plain) : IHeadTemplate
{
    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale) => throw NoLoss();

    /// <inheritdoc/>
    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => throw NoLoss();

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, Tensor lossScales)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        gradients?.Flat.zero_();
        var (rows, places_S) = (hidden.reshape(-1, hidden.shape[^1]), Places(batch));
        // A scale is minus the derivative by the score.
        var derivatives_S1 = lossScales.neg().unsqueeze(1);
        var score_1H = parameters[RewardModel.Score].to(float32);
        Tensor? sum = null;
        var found_SH = plain.DifferentiateNorm(parameters, gradients, rows.index_select(0, places_S), batch, normed_SH =>
        {
            var wide_SH = normed_SH.to(float32);
            sum = wide_SH.matmul(score_1H.t()).sum();
            gradients?[RewardModel.Score].copy_(derivatives_S1.t().matmul(wide_SH));
            return derivatives_S1.matmul(score_1H).to(normed_SH.dtype);
        });
        var all = zeros_like(rows).index_copy_(0, places_S, found_SH.to(rows.dtype)).view(hidden.shape);
        return new HeadResult(sum!.MoveToOuterDisposeScope(), all.MoveToOuterDisposeScope());
    }

    /// <summary>[sequences] fp32: the scores.</summary>
    public Tensor LogProbabilities(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var last_SH = hidden.reshape(-1, hidden.shape[^1]).index_select(0, Places(batch));
        return plain.Norm(parameters, last_SH, batch).to(float32).matmul(parameters[RewardModel.Score].to(float32).t()).squeeze(1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Logits(ParameterViews parameters, Tensor hidden) => throw new HorizonException("a reward model gives scores, no next tokens; generate with a language model");

    /// <inheritdoc/>
    /// <remarks>The gradient of all hidden states, and some rows.</remarks>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        return 2 * unit.Parameters.Max(slot => slot.Shape[^1]) * (batch.TokenBytes + batch.WideTokenBytes);
    }

    // [sequences] int64, without a look at the device: the counts are known on the host.
    private static Tensor Places(DeviceBatch batch)
    {
        var ends = new long[batch.LabelledBySequence.Count];
        for (var (sequence, seen) = (0, 0L); sequence < ends.Length; sequence++)
        {
            seen += batch.LabelledBySequence[sequence];
            ends[sequence] = seen - 1;
        }

        return batch.LabelledTokens.index_select(0, tensor(ends, int64, batch.LabelledTokens.device)).Plus(1);
    }

    private static HorizonException NoLoss() => new($"a reward model has no loss of its own; give the plan one, with {nameof(TrainingPlan.WithObjective)}(new {nameof(RewardObjective)}())");
}
