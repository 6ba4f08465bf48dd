using Horizon.Flow;
using Horizon.Flow.Models;

namespace Horizon.Examples;

/// <summary>A frozen teacher from a second store beside a student: another model, another program, two operations of one's own.</summary>
public static class DistillationExample
{
    /// <summary>What <see cref="RunAsync"/> shows.</summary>
    /// <param name="TeacherBefore">The teacher's parameters when distillation began.</param>
    /// <param name="TeacherAfter">And when it ended.</param>
    /// <param name="Student">The student's reports, whose loss is the divergence, and its parameters.</param>
    /// <param name="TeacherEvaluation">The teacher's cross-entropy on other rows.</param>
    /// <param name="EvaluationBefore">The student's before.</param>
    /// <param name="EvaluationAfter">And after.</param>
    public sealed record Shown(
        IReadOnlyList<float[]> TeacherBefore, IReadOnlyList<float[]> TeacherAfter, Outcome Student, double TeacherEvaluation, double EvaluationBefore, double EvaluationAfter);

    /// <summary>A teacher wider and deeper than the student.</summary>
    public static ModelConfig TeacherConfig { get; } = Tiny.Config with { HiddenSize = 48, IntermediateSize = 120, LayerCount = 5, HeadDimension = 12 };

    /// <summary>Trains a teacher on labels, and a student on the teacher alone.</summary>
    public static async Task<Shown> RunAsync(TextWriter output, int teacherSteps = 40, int steps = 40)
    {
        ArgumentNullException.ThrowIfNull(output);
        var labels = TrainingPlan.For(ModelFamilies.Define(TeacherConfig), Tiny.Options with { LearningRate = _ => 5e-3 });
        using var teacher = Tiny.CreateStore(labels);
        await Outcome.OfAsync(labels, teacher, teacherSteps).ConfigureAwait(false);
        var before = Outcome.Read(teacher);

        // <snippet>
        var plan = new Distillation(labels.Model).Plan(TrainingPlan.For(Tiny.Model, Tiny.Options));
        using var student = Tiny.CreateStore(plan);
        var evaluationBefore = await Outcome.EvaluateAsync(plan, student, teacher).ConfigureAwait(false);
        var outcome = await Outcome.OfAsync(plan, student, Tiny.Steps(steps), run: null, teacher).ConfigureAwait(false);
        // </snippet>
        var shown = new Shown(
            before, Outcome.Read(teacher), outcome,
            await Outcome.EvaluateAsync(labels, teacher).ConfigureAwait(false), evaluationBefore, await Outcome.EvaluateAsync(plan, student, teacher).ConfigureAwait(false));
        await output.WriteLineAsync($"divergence from the teacher {outcome.Reports[0].Loss:F3} -> {outcome.LastLoss:F3}").ConfigureAwait(false);
        await output.WriteLineAsync($"cross-entropy on new rows: teacher {shown.TeacherEvaluation:F3}, student {shown.EvaluationBefore:F3} -> {shown.EvaluationAfter:F3}").ConfigureAwait(false);
        return shown;
    }
}
