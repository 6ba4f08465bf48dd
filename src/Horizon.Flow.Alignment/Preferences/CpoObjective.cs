using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;

namespace Horizon.Flow.Alignment.Preferences;

/// <summary>
/// Contrastive preference optimization (Xu et al., arXiv 2401.08417): -log σ(β (log p of the preferred - log p of the other)), plus the negative
/// log-likelihood of the preferred answer. No reference is needed.
/// </summary>
public sealed class CpoObjective : PairObjective
{
    /// <summary>β, the scale of rewards; above 0.</summary>
    /// <value>0.1.</value>
    public double Beta { get; init => field = Settings.Positive(value, nameof(Beta)); } = 0.1;

    /// <summary>The weight of the negative log-likelihood, which is the sum over the tokens of the preferred answer; 0 or more.</summary>
    /// <value>1, as in the paper.</value>
    public double LikelihoodWeight { get; init => field = Settings.NotNegative(value, nameof(LikelihoodWeight)); } = 1;

    /// <inheritdoc/>
    public override PairLoss Loss(SequencePairs pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        var (chosen_P, rejected_P) = (pairs.Chosen.Times(Beta), pairs.Rejected.Times(Beta));
        return new PairLoss(logsigmoid(chosen_P - rejected_P).Plus(pairs.Chosen.Times(LikelihoodWeight)).neg(), chosen_P, rejected_P);
    }
}
