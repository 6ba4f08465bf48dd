using Horizon.Flow.Alignment.Preferences;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Policies;

// Letters: N labelled tokens, S sequences.

/// <summary>
/// Group relative policy optimization (Shao et al., arXiv 2402.03300) and its kin: answers that a model gave are made more or less likely by their advantages.
/// With r the ratio of a token's probability to that under the model that gave it, the loss of a token is -min(r A, clip(r, 1 - ε low, 1 + ε high) A), plus
/// β times the estimate exp(d) - d - 1 of its divergence from a reference, d = log of the reference's probability by the model's.
/// </summary>
/// <remarks>
/// A micro-batch has the column <see cref="AdvantageColumn"/>; where the answers were given by earlier parameters, <see cref="OldColumn"/>; and with a
/// <see cref="Beta"/> <see cref="ReferenceLogProbabilities.Column"/>. Without the old log-probabilities the parameters are those that gave the answers, and every ratio is 1.
/// </remarks>
public sealed class GrpoObjective : LogProbabilityObjective
{
    /// <summary>The column of advantages: one for each sequence.</summary>
    public const string AdvantageColumn = "advantage";

    /// <summary>The column of log-probabilities under the model that gave the answers: [labelled tokens].</summary>
    public const string OldColumn = "old log-probabilities";

    /// <summary>GRPO as in its paper: clipped at 0.2 either way, held to the reference with 0.04.</summary>
    public static GrpoObjective Grpo => new() { Beta = 0.04 };

    /// <summary>DAPO: more room upwards than downwards, all tokens alike, no reference.</summary>
    public static GrpoObjective Dapo => new() { ClipHigh = 0.28, Mean = PolicyMean.Tokens };

    /// <summary>GSPO (Zheng et al., arXiv 2507.18071): one ratio for a whole answer, the geometric mean of its tokens', clipped closely.</summary>
    public static GrpoObjective Gspo => new() { BySequence = true, ClipLow = 3e-4, ClipHigh = 4e-4 };

    /// <summary>Dr. GRPO: no answer counts for more because it is short; its advantages are not scaled either (<see cref="GroupAdvantages"/>).</summary>
    /// <param name="longest">Tokens that an answer can have.</param>
    public static GrpoObjective DrGrpo(int longest) => new() { Mean = PolicyMean.Constant, Constant = longest };

    /// <summary>ε low, how far a ratio counts below 1; from 0 to below 1.</summary>
    /// <value>0.2.</value>
    public double ClipLow { get; init => field = Settings.Within(value, 0, 1, nameof(ClipLow)); } = 0.2;

    /// <summary>ε high, how far a ratio counts above 1; 0 or more.</summary>
    /// <value>0.2.</value>
    public double ClipHigh { get; init => field = Settings.NotNegative(value, nameof(ClipHigh)); } = 0.2;

    /// <summary>β, how strongly the model is held to the reference; 0 needs none.</summary>
    /// <value>0.</value>
    public double Beta { get; init => field = Settings.NotNegative(value, nameof(Beta)); }

    /// <summary>Whether an answer has one ratio, the geometric mean of its tokens'.</summary>
    /// <value>False: each token its own.</value>
    public bool BySequence { get; init; }

    /// <summary>How the losses of tokens become the loss of a step.</summary>
    /// <value><see cref="PolicyMean.Answers"/>.</value>
    public PolicyMean Mean { get; init; }

    /// <summary>What an answer's sum is divided by with <see cref="PolicyMean.Constant"/>; above 0.</summary>
    /// <value>1.</value>
    public double Constant { get; init => field = Settings.Positive(value, nameof(Constant)); } = 1;

    /// <summary>The mean ratio, the share of tokens whose ratio no longer counts because it is clipped, and with a reference the divergence from it.</summary>
    public override IReadOnlyList<string> MetricNames { get; } = ["ratio", "clipped", "kl"];

    /// <summary>Answers, or their tokens.</summary>
    /// <exception cref="HorizonException">An answer has nothing to learn, or a column is missing.</exception>
    public override long Count(MicroBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var answers = batch.LabelledBySequence;
        if (answers.Contains(0)) throw new HorizonException("a sequence of a micro-batch of answers has no labelled token; leave out answers without a token, and lay sequences without padding between");
        SequenceRules.RequireColumn(batch, AdvantageColumn, answers.Count, "give each answer its advantage");
        if (batch.Columns.ContainsKey(OldColumn)) SequenceRules.RequireColumn(batch, OldColumn, batch.LabelledTokens, "give the log-probability of each token of an answer");
        if (Beta > 0) SequenceRules.RequireReference(batch);
        return Mean == PolicyMean.Tokens ? batch.LabelledTokens : answers.Count;
    }

    /// <inheritdoc/>
    public override ObjectiveLoss Loss(Tensor logProbabilities, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(logProbabilities);
        ArgumentNullException.ThrowIfNull(batch);
        var policy_N = logProbabilities.to(float64);
        var old_N = batch.ColumnNames.Contains(OldColumn) ? batch.Column(OldColumn).to(float64) : policy_N.detach();
        var lengths_S = batch.LengthBySequence();
        var answer_N = TensorArithmetic.Range(lengths_S.shape[0], device: lengths_S.device).repeat_interleave(lengths_S.to(int64));
        var logRatio_N = policy_N - old_N;
        if (BySequence) logRatio_N = (batch.SumBySequence(logRatio_N) / lengths_S).index_select(0, answer_N);
        var (ratio_N, advantage_N) = (logRatio_N.exp(), batch.Column(AdvantageColumn).to(float64).index_select(0, answer_N));
        var bounded_N = ratio_N.With(1 - ClipLow, (x, low) => x.clamp_min(low)).With(1 + ClipHigh, (x, high) => x.clamp_max(high));
        var (free_N, held_N) = (ratio_N * advantage_N, bounded_N * advantage_N);
        var losses_N = minimum(free_N, held_N).neg();
        Tensor? divergence_N = null;
        if (Beta > 0)
        {
            var difference_N = batch.Column(ReferenceLogProbabilities.Column).to(float64) - policy_N;
            divergence_N = difference_N.exp().Minus(1.0) - difference_N;
            losses_N = losses_N.Plus(divergence_N.Times(Beta));
        }

        var sum = Mean switch
        {
            PolicyMean.Tokens => losses_N.sum(),
            PolicyMean.Constant => losses_N.sum().Over(Constant),
            _ => (batch.SumBySequence(losses_N) / lengths_S).sum(),
        };
        using var noGrad = no_grad();
        var count = ones_like(sum).Times(policy_N.shape[0]);
        var sums = stack([ratio_N.sum(), held_N.lt(free_N).to(float64).sum(), divergence_N?.sum() ?? zeros_like(count)]);
        return new ObjectiveLoss(sum) { Metrics = stack([sums, stack([count, count, divergence_N is null ? zeros_like(count) : count])], 1) };
    }
}
