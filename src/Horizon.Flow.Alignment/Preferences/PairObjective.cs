using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Preferences;

// Letters: N labelled tokens, S sequences, P pairs.

/// <summary>
/// An objective over pairs of answers. Of a micro-batch's sequences the first is preferred to the second, the third to the fourth, and so on; the loss is the
/// mean over the step's pairs.
/// </summary>
public abstract class PairObjective : LogProbabilityObjective
{
    /// <summary>Whether it needs the column <see cref="ReferenceLogProbabilities.Column"/>.</summary>
    public virtual bool NeedsReference => false;

    /// <summary>Rewards of either answer, their margin, and the share of pairs whose preferred answer has the higher one.</summary>
    public override IReadOnlyList<string> MetricNames => PairMetrics.Names;

    /// <summary>The losses of the pairs.</summary>
    /// <param name="pairs">Log-probabilities and lengths.</param>
    public abstract PairLoss Loss(SequencePairs pairs);

    /// <summary>The pairs of a micro-batch.</summary>
    /// <exception cref="HorizonException">Its sequences are no pairs, an answer has nothing to learn, or the reference's log-probabilities are missing.</exception>
    public override long Count(MicroBatch batch)
    {
        SequenceRules.RequireTwos(batch, "a preferred answer and another", "chosen and rejected");
        if (NeedsReference) SequenceRules.RequireReference(batch);
        return batch.LabelledBySequence.Count / 2;
    }

    /// <inheritdoc/>
    public sealed override ObjectiveLoss Loss(Tensor logProbabilities, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var sums_P2 = ByTwos(batch.SumBySequence(logProbabilities));
        var lengths_P2 = ByTwos(batch.LengthBySequence());
        var reference_P2 = NeedsReference ? ByTwos(batch.SumBySequence(batch.Column(ReferenceLogProbabilities.Column))) : null;
        var loss = Loss(new SequencePairs(
            sums_P2.select(1, 0), sums_P2.select(1, 1), lengths_P2.select(1, 0), lengths_P2.select(1, 1), reference_P2?.select(1, 0), reference_P2?.select(1, 1)));
        return new ObjectiveLoss(loss.Losses.sum()) { Metrics = PairMetrics.Of(loss.ChosenRewards, loss.RejectedRewards) };
    }

    private static Tensor ByTwos(Tensor sequences_S) => sequences_S.view(-1, 2);
}
