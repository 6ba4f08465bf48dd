using Horizon.Flow.Alignment.Preferences;
using Horizon.Flow.Program;
using Horizon.Flow.Units;

namespace Horizon.Flow.Alignment.Distillation;

/// <summary>
/// Knowledge distillation: a student learns a teacher's distribution of each labelled token. The loss of a token is (1 - w) T² D + w times its
/// cross-entropy, with D the divergence of both distributions at temperature T; the mean over the step's labelled tokens. Evaluation gives the cross-entropy.
/// </summary>
/// <remarks>The teacher stands beside the student (<see cref="DistillationVerbs.WithTeacher"/>), or what it says was stored (<see cref="TeacherLogits"/>).</remarks>
public sealed class DistillationObjective : IMeasuredObjective
{
    /// <summary>Which divergence.</summary>
    /// <value><see cref="Distillation.Divergence.Forward"/>.</value>
    public Divergence Divergence { get; init; }

    /// <summary>T, which softens both distributions; above 0.</summary>
    /// <value>1.</value>
    public double Temperature { get; init => field = Settings.Positive(value, nameof(Temperature)); } = 1;

    /// <summary>How many of the teacher's most likely tokens are told apart, the rest being one; null for all of the vocabulary.</summary>
    /// <value>Null.</value>
    public int? TopK { get; init => field = value is null or >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, $"{nameof(TopK)} must be 1 or more"); }

    /// <summary>w, the weight of the cross-entropy of the labels; from 0 to 1.</summary>
    /// <value>0: the teacher alone.</value>
    public double CrossEntropyWeight { get; init => field = value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, $"{nameof(CrossEntropyWeight)} must be from 0 to 1"); }

    /// <summary>The divergence at the temperature, and the cross-entropy; means over labelled tokens.</summary>
    public IReadOnlyList<string> MetricNames { get; } = ["divergence", "cross_entropy"];

    /// <inheritdoc/>
    public IHeadTemplate Head(IHeadTemplate head)
    {
        ArgumentNullException.ThrowIfNull(head);
        return new DistillationHead(head, this);
    }

    // Evaluation is the student's own, without the teacher.
    StepProgram IObjective.Program(StepProgram program) =>
        new([.. program.Visits.Select(visit => visit.Op == Ops.Head ? visit with { GivesResult = true } : visit)], program.Values);
}
