using Horizon.Flow.Text.Preferences;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Preferences;

// Letters: E examples.

/// <summary>
/// Kahneman-Tversky optimization (Ethayarajh et al., arXiv 2402.01306): answers that are desirable or not, without pairs. With r the log-ratio of
/// the model to the reference and z the mean of r over mismatched answers, at least 0 and not derived, the loss is λ - λ σ(β (r - z)) of a desirable answer
/// and λ - λ σ(β (z - r)) of another.
/// </summary>
/// <remarks>
/// Of a micro-batch's sequences the first, third, … are examples; the second, fourth, … pair each example's prompt with the answer of another and serve z alone,
/// which is of the micro-batch, as in the paper. The loss is the mean over the step's examples.
/// </remarks>
public sealed class KtoObjective : LogProbabilityObjective
{
    /// <summary>The column that says of each example whether it is desirable: 1, or 0.</summary>
    public const string DesirableColumn = PreferenceBatches.DesirableColumn;

    /// <summary>β: how strongly the model is held to the reference; above 0.</summary>
    /// <value>0.1.</value>
    public double Beta { get; init => field = Settings.Positive(value, nameof(Beta)); } = 0.1;

    /// <summary>λ of desirable answers; above 0.</summary>
    /// <value>1.</value>
    public double DesirableWeight { get; init => field = Settings.Positive(value, nameof(DesirableWeight)); } = 1;

    /// <summary>λ of undesirable answers; above 0.</summary>
    /// <value>1.</value>
    public double UndesirableWeight { get; init => field = Settings.Positive(value, nameof(UndesirableWeight)); } = 1;

    /// <summary>The mean rewards of desirable and of other answers, and z.</summary>
    public override IReadOnlyList<string> MetricNames { get; } = ["rewards/desirable", "rewards/undesirable", "kl"];

    /// <summary>The examples of a micro-batch.</summary>
    /// <exception cref="HorizonException">Its sequences are no examples with a mismatched answer each, or a column is missing.</exception>
    public override long Count(MicroBatch batch)
    {
        SequenceRules.RequireTwos(batch, "an example and its prompt with another's answer", "examples and mismatched answers");
        SequenceRules.RequireReference(batch);
        var examples = batch.LabelledBySequence.Count / 2;
        SequenceRules.RequireColumn(batch, DesirableColumn, examples, "give 1 or 0 for each example");
        return Array.Exists(batch.Columns[DesirableColumn], value => value is not (0 or 1))
            ? throw new HorizonException($"the column '{DesirableColumn}' of a micro-batch holds another number than 0 and 1; give 1 or 0 for each example") : examples;
    }

    /// <inheritdoc/>
    public override ObjectiveLoss Loss(Tensor logProbabilities, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var ratios_E2 = (batch.SumBySequence(logProbabilities) - batch.SumBySequence(batch.Column(ReferenceLogProbabilities.Column))).view(-1, 2);
        var (ratio_E, z) = (ratios_E2.select(1, 0), nn.functional.relu(ratios_E2.select(1, 1).detach().mean()));
        var desirable_E = batch.Column(DesirableColumn).to(float64);
        var undesirable_E = desirable_E.SubtractedFrom(1.0);
        var weights_E = desirable_E.Times(DesirableWeight).Plus(undesirable_E.Times(UndesirableWeight));
        var values_E = ((ratio_E - z) * (desirable_E - undesirable_E)).Times(Beta).sigmoid();
        var sum = (weights_E * values_E.SubtractedFrom(1.0)).sum();
        using var noGrad = no_grad();
        var rewards_E = ratio_E.Times(Beta);
        var sums = stack([(rewards_E * desirable_E).sum(), (rewards_E * undesirable_E).sum(), z]);
        var metrics = stack([sums, stack([desirable_E.sum(), undesirable_E.sum(), ones_like(z)])], 1);
        return new ObjectiveLoss(sum) { Metrics = metrics };
    }
}
