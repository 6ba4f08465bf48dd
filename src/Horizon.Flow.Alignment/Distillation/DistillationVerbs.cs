using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;
using Horizon.Flow.Units;

namespace Horizon.Flow.Alignment.Distillation;

/// <summary>Puts a teacher beside a student.</summary>
public static class DistillationVerbs
{
    private const string Teach = "teach";
    private const string Distill = "distill";

    /// <summary>
    /// The plan of a student that learns from a teacher: in every training program the teacher goes forward before the student's head, in the same graph and
    /// through the same device buffers. The teacher's store is given to <see cref="TrainingPlan.Start"/> and only read.
    /// </summary>
    /// <param name="plan">The student's; without an objective.</param>
    /// <param name="teacher">The teacher; of a larger vocabulary the first ids count, as many as the student has.</param>
    /// <param name="objective">What is learned of it.</param>
    /// <exception cref="HorizonException">The teacher has fewer token ids than the student, or more are to be told apart than there are.</exception>
    public static TrainingPlan WithTeacher(this TrainingPlan plan, ModelDefinition teacher, DistillationObjective objective)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(teacher);
        ArgumentNullException.ThrowIfNull(objective);
        var (store, vocabulary) = (plan.Models.Count, plan.Model.VocabularySize);
        if (teacher.VocabularySize < vocabulary) throw new HorizonException($"the teacher has {teacher.VocabularySize:N0} token ids, the student {vocabulary:N0}: it cannot say anything of the others");
        if (objective.TopK >= vocabulary) throw new HorizonException($"{objective.TopK:N0} of the teacher's tokens are to be told apart, and there are {vocabulary:N0}; take fewer, or leave the number out for all");
        return plan.WithObjective(objective).WithModel(teacher)
            .WithProgram(program => Beside(program, teacher, store, objective))
            .WithOp(Teach, (_, stage) => new TransformBlock<OpWork, Computed>(work => Say(work, vocabulary, objective), stage.ToDataflow()))
            .WithOp(Distill, (_, stage) => new TransformBlock<OpWork, Computed>(Learn, stage.ToDataflow()));
    }

    /// <summary>Where a program trains the student's head, the teacher goes forward first, and the head compares itself with it.</summary>
    private static StepProgram Beside(StepProgram program, ModelDefinition teacher, int store, DistillationObjective objective)
    {
        var builder = new ProgramBuilder(program);
        foreach (var visit in program.Visits)
        {
            if (visit.Op != Ops.Head)
            {
                builder.Visit(visit);
                continue;
            }

            var unit = teacher.Head.Unit;
            var hidden = builder.Forward(teacher, store, visit.MicroBatch);
            int[] said = objective.TopK is null ? [builder.Value("teacher's logits")] : [builder.Value("teacher's tokens"), builder.Value("teacher's log-probabilities")];
            builder.Visit(Teach, unit, teacher.Hidden.Count, builder.Weights(unit), [hidden], said, visit.MicroBatch, store);
            builder.Visit(visit with { Op = Distill, Reads = visit.Reads.AddRange(said) });
        }

        return builder.Build();
    }

    private static Computed Say(OpWork work, int vocabulary, DistillationObjective objective)
    {
        if (objective.TopK is not { } count) return work.Give(work.Head.Logits(work.Parameters!, work.Batch.LabelledRows(work.Input())).narrow(-1, 0, vocabulary));
        var rows = TeacherLogits.Top(work, vocabulary, count, objective.Temperature);
        return work.Give(rows.Ids!, rows.Values);
    }

    private static Computed Learn(OpWork work)
    {
        var teacher = work.Visit.Planned.Reads.Length == 2 ? new TeacherRows(null, work.Input(1)) : new TeacherRows(work.Input(1), work.Input(2));
        return work.Give(((DistillationHead)work.Head).Differentiate(work.Parameters!, work.Gradients, work.Input(0), work.Batch, work.LossScale, teacher));
    }
}
