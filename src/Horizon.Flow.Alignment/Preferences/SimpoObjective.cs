using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;

namespace Horizon.Flow.Alignment.Preferences;

/// <summary>
/// Simple preference optimization (Meng et al., arXiv 2405.14734, equation 6): the reward of an answer is β times the mean log-probability of its tokens,
/// and the loss -log σ(reward of the preferred - reward of the other - γ). No reference is needed.
/// </summary>
public sealed class SimpoObjective : PairObjective
{
    /// <summary>β, the scale of rewards; above 0.</summary>
    /// <value>2.</value>
    public double Beta { get; init => field = Settings.Positive(value, nameof(Beta)); } = 2;

    /// <summary>γ, the margin of rewards that is asked for; 0 or more.</summary>
    /// <value>1.</value>
    public double Margin { get; init => field = Settings.NotNegative(value, nameof(Margin)); } = 1;

    /// <inheritdoc/>
    public override PairLoss Loss(SequencePairs pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        var means = pairs.Averaged;
        var (chosen_P, rejected_P) = (means.Chosen.Times(Beta), means.Rejected.Times(Beta));
        return new PairLoss(logsigmoid((chosen_P - rejected_P).Minus(Margin)).neg(), chosen_P, rejected_P);
    }
}
