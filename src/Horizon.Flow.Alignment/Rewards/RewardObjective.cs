using Horizon.Flow.Alignment.Preferences;
using Horizon.Flow.Units;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Horizon.Flow.Alignment.Rewards;

/// <summary>
/// The loss of a <see cref="RewardModel"/> on pairs of answers, by the model of Bradley and Terry: -log σ(score of the preferred - score of the other), as
/// in Ouyang et al., arXiv 2203.02155, equation 1. The loss is the mean over the step's pairs.
/// </summary>
public sealed class RewardObjective : LogProbabilityObjective
{
    /// <summary>The weight of (score of the preferred + score of the other)², which holds scores around zero (Eisenstein et al., arXiv 2312.09244); 0 or more.</summary>
    /// <value>0.</value>
    public double Centering { get; init => field = Settings.NotNegative(value, nameof(Centering)); }

    /// <summary>Scores of either answer, their margin, and the share of pairs whose preferred answer has the higher one.</summary>
    public override IReadOnlyList<string> MetricNames => PairMetrics.Names;

    /// <summary>The pairs of a micro-batch.</summary>
    /// <exception cref="HorizonException">Its sequences are no pairs, an answer has nothing to learn, or its last token is not there.</exception>
    public override long Count(MicroBatch batch)
    {
        SequenceRules.RequireTwos(batch, "a preferred answer and another", "chosen and rejected");
        ScoredPlaces.Require(batch);
        return batch.LabelledBySequence.Count / 2;
    }

    /// <inheritdoc/>
    public override ObjectiveLoss Loss(Tensor logProbabilities, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(logProbabilities);
        var scores_P2 = logProbabilities.to(float64).view(-1, 2);
        var (chosen_P, rejected_P) = (scores_P2.select(1, 0), scores_P2.select(1, 1));
        var losses_P = chosen_P.Plus(rejected_P).Squared().Times(Centering) - logsigmoid(chosen_P - rejected_P);
        return new ObjectiveLoss(losses_P.sum()) { Metrics = PairMetrics.Of(chosen_P, rejected_P) };
    }
}
