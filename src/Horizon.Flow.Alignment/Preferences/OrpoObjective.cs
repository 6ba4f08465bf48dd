using Horizon.Flow.Units;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

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
        var ratio_P = LogOdds(means.Chosen) - LogOdds(means.Rejected);
        return new PairLoss(means.Chosen.Plus(logsigmoid(ratio_P).Times(Lambda)).neg(), means.Chosen.Times(Lambda), means.Rejected.Times(Lambda));
    }

    // log p - log(1 - p)
    private static Tensor LogOdds(Tensor logProbability) => logProbability - logProbability.expm1().neg().log();
}
