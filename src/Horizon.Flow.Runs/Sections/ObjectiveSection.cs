using Horizon.Flow.Alignment.Distillation;

namespace Horizon.Flow.Runs.Sections;

/// <summary>
/// The section <c>training.objective</c>: what is learned. An option that the named objective does not know is refused; one that is left out has the objective's
/// own default.
/// </summary>
public sealed record ObjectiveSection
{
    /// <summary>
    /// <c>next_token</c>; of a teacher <c>distillation</c>; of pairs of answers <c>dpo</c>, <c>ipo</c>, <c>hinge</c>, <c>robust</c>, <c>orpo</c>, <c>simpo</c>, <c>cpo</c>, and
    /// <c>reward</c>, a reward model; of rated answers <c>kto</c>; of prompts, with answers of the model's own (<see cref="RolloutsSection"/>), <c>grpo</c>, <c>dapo</c>,
    /// <c>dr_grpo</c> and <c>gspo</c>.
    /// </summary>
    /// <value>Default <c>next_token</c>.</value>
    public string Name { get; init; } = "next_token";

    /// <summary>β: how strongly the model is held to what it was (<c>dpo</c>, <c>ipo</c>, <c>hinge</c>, <c>robust</c>, <c>kto</c>), or the scale of rewards (<c>simpo</c>, <c>cpo</c>). Of prompts, 0 needs no reference.</summary>
    /// <value>Default 0.1; 2 for <c>simpo</c>; 0.04 for <c>grpo</c>, 0 for <c>dapo</c>, <c>dr_grpo</c>, <c>gspo</c>.</value>
    public double? Beta { get; init; }

    /// <summary>The share of preferences that are thought to be swapped, of <c>dpo</c> and <c>robust</c>; below 0.5.</summary>
    /// <value>Default 0.</value>
    public double? LabelSmoothing { get; init; }

    /// <summary>Whether <c>dpo</c>, <c>ipo</c>, <c>hinge</c> and <c>robust</c> take means over the tokens of an answer in the place of sums.</summary>
    /// <value>Default false.</value>
    public bool? LengthNormalised { get; init; }

    /// <summary>The margin of rewards that <c>simpo</c> asks for.</summary>
    /// <value>Default 1.</value>
    public double? Margin { get; init; }

    /// <summary>The weight of the odds ratio of <c>orpo</c>.</summary>
    /// <value>Default 0.1.</value>
    public double? Lambda { get; init; }

    /// <summary>The weight of the preferred answer's negative log-likelihood of <c>cpo</c>.</summary>
    /// <value>Default 1.</value>
    public double? LikelihoodWeight { get; init; }

    /// <summary>The weight of answers that are wanted, of <c>kto</c>.</summary>
    /// <value>Default 1.</value>
    public double? DesirableWeight { get; init; }

    /// <summary>The weight of answers that are not wanted, of <c>kto</c>.</summary>
    /// <value>Default 1.</value>
    public double? UndesirableWeight { get; init; }

    /// <summary>The weight of the squared sum of both scores, which holds the scores of <c>reward</c> around zero.</summary>
    /// <value>Default 0.</value>
    public double? Centering { get; init; }

    /// <summary>
    /// Where the reference of <c>dpo</c>, <c>ipo</c>, <c>hinge</c>, <c>robust</c> and <c>kto</c> comes from: <c>kept</c>, computed once before training, or <c>held</c>, a
    /// second store beside the one that is trained, which takes as much host memory as the weights.
    /// </summary>
    /// <value>Default <c>kept</c>.</value>
    public ReferenceSource? Reference { get; init; }

    /// <summary>How far a ratio counts below 1, of <c>grpo</c> and its kin; from 0 to below 1.</summary>
    /// <value>Default 0.2; 3e-4 for <c>gspo</c>.</value>
    public double? ClipLow { get; init; }

    /// <summary>How far a ratio counts above 1, of <c>grpo</c> and its kin.</summary>
    /// <value>Default 0.2; 0.28 for <c>dapo</c>, 4e-4 for <c>gspo</c>.</value>
    public double? ClipHigh { get; init; }

    /// <summary>The model folder of the teacher of <c>distillation</c>, which streams beside the student, or fills <see cref="Logits"/> before it.</summary>
    /// <value>No default.</value>
    [PathKey]
    public string? Teacher { get; init; }

    /// <summary>A file of what the teacher of <c>distillation</c> says of the data: used where it is there, made from <see cref="Teacher"/> where it is not. Needs <see cref="TopK"/>.</summary>
    /// <value>Default unset: the teacher streams beside the student.</value>
    [PathKey]
    public string? Logits { get; init; }

    /// <summary>How many of the teacher's most likely tokens are told apart in <c>distillation</c>; the rest is one.</summary>
    /// <value>Default unset: all of the vocabulary.</value>
    public int? TopK { get; init; }

    /// <summary>What softens the teacher's and the student's distribution in <c>distillation</c>.</summary>
    /// <value>Default 1.</value>
    public double? Temperature { get; init; }

    /// <summary>The divergence of <c>distillation</c>: <c>forward</c>, KL(teacher ‖ student), or <c>reverse</c>.</summary>
    /// <value>Default <c>forward</c>.</value>
    public Divergence? Divergence { get; init; }

    /// <summary>The weight of the labels' cross-entropy in <c>distillation</c>, from 0 to 1; the divergence has the rest.</summary>
    /// <value>Default 0.</value>
    public double? CrossEntropyWeight { get; init; }
}
