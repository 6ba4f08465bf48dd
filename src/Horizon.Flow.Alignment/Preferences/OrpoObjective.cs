using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Preferences;

/// <summary>
/// Odds ratio preference optimization (Hong et al., arXiv 2403.07691, equations 4 to 7): the mean negative log-likelihood of the preferred answer's tokens, plus
/// λ times -log σ(log of the ratio of both answers' odds), where odds are p / (1 - p) and log p is the mean log-probability of an answer's tokens. No
/// reference is needed.
/// </summary>
public sealed class OrpoObjective : PairObjective
{
    /// <summary>λ, the weight of the odds ratio; above 0. Rewards are scaled by it.</summary>
    /// <value>0.1.</value>
    public double Lambda { get; init => field = Settings.Positive(value, nameof(Lambda)); } = 0.1;

    /// <inheritdoc/>
    public override PairLoss Loss(SequencePairs pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        var means = pairs.Averaged;
        return new PairLoss(OddsLoss(means.Chosen, means.Rejected).Times(Lambda) - means.Chosen, means.Chosen.Times(Lambda), means.Rejected.Times(Lambda));
    }

    // -log σ(log(odds_c / odds_r)) = log(1 + odds_r / odds_c) with p_c (1 - p_r) as the common denominator: an answer that is certain, whose odds are infinite, has a
    // loss and a slope too.
    private static Tensor OddsLoss(Tensor chosen_P, Tensor rejected_P)
    {
        var (notChosen_P, notRejected_P) = (chosen_P.expm1().neg(), rejected_P.expm1().neg());
        return (chosen_P.exp() * notRejected_P).Plus(rejected_P.exp() * notChosen_P).log() - chosen_P - notRejected_P.log();
    }
}
