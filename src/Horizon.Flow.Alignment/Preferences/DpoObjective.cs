using Horizon.Flow.Units;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Horizon.Flow.Alignment.Preferences;

/// <summary>
/// Direct preference optimization (Rafailov et al., arXiv 2305.18290) and its kin: the model's log-probabilities of two answers, each relative to a
/// reference's, are driven apart. See <see cref="DpoLoss"/>.
/// </summary>
public sealed class DpoObjective : PairObjective
{
    /// <summary>The function of the margin.</summary>
    /// <value><see cref="DpoLoss.Sigmoid"/>.</value>
    public DpoLoss Kind { get; init; }

    /// <summary>β: how strongly the model is held to the reference; above 0.</summary>
    /// <value>0.1.</value>
    public double Beta { get; init => field = Settings.Positive(value, nameof(Beta)); } = 0.1;

    /// <summary>ε: the share of preferences that are thought to be swapped; from 0 to below 0.5. Of <see cref="DpoLoss.Sigmoid"/> and <see cref="DpoLoss.Robust"/> alone.</summary>
    /// <value>0.</value>
    public double LabelSmoothing { get; init => field = Settings.Within(value, 0, 0.5, nameof(LabelSmoothing)); }

    /// <summary>Whether log-ratios are means over the tokens of each answer in the place of sums.</summary>
    /// <value>False, as in the papers.</value>
    public bool LengthNormalised { get; init; }

    /// <inheritdoc/>
    public override bool NeedsReference => true;

    /// <inheritdoc/>
    /// <exception cref="HorizonException">Label smoothing is set for a loss that has none.</exception>
    public override long Count(MicroBatch batch) => LabelSmoothing != 0 && Kind is DpoLoss.Ipo or DpoLoss.Hinge
        ? throw new HorizonException($"{nameof(LabelSmoothing)} is {LabelSmoothing}, and the loss {Kind} has none; set it to 0, or take {nameof(DpoLoss.Sigmoid)} or {nameof(DpoLoss.Robust)}")
        : base.Count(batch);

    /// <inheritdoc/>
    public override PairLoss Loss(SequencePairs pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        var by = LengthNormalised ? pairs.Averaged : pairs;
        var (chosen_P, rejected_P) = (by.Chosen - by.ReferenceChosen!, by.Rejected - by.ReferenceRejected!);
        return new PairLoss(Of(chosen_P - rejected_P), chosen_P.Times(Beta), rejected_P.Times(Beta));
    }

    private Tensor Of(Tensor margin_P)
    {
        var logits_P = margin_P.Times(Beta);
        return Kind switch
        {
            DpoLoss.Sigmoid => logsigmoid(logits_P).Times(1 - LabelSmoothing).Plus(logsigmoid(-logits_P).Times(LabelSmoothing)).neg(),
            DpoLoss.Ipo => margin_P.Minus(1 / (2 * Beta)).Squared(),
            DpoLoss.Hinge => relu(logits_P.SubtractedFrom(1.0)),
            DpoLoss.Robust => (logsigmoid(-logits_P).Times(LabelSmoothing) - logsigmoid(logits_P).Times(1 - LabelSmoothing)).Over(1 - (2 * LabelSmoothing)),
            _ => throw new InvalidOperationException($"{Kind} is no {nameof(DpoLoss)}"),
        };
    }
}
