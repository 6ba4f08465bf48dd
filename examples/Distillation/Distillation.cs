using System.Threading.Tasks.Dataflow;
using Horizon.Flow;
using Horizon.Flow.Messages;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Program;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Examples;

// Letters: N labelled tokens, H hidden, V vocabulary.

/// <summary>
/// Knowledge distillation (Hinton, Vinyals and Dean, arXiv 1503.02531): the student learns the teacher's distribution of the next token, both
/// softened by a temperature T. The loss of a token is T² KL(teacher ‖ student). The teacher lies in a store of its own, is only read, and
/// streams through the same device buffers as the student.
/// </summary>
/// <param name="teacher">The teacher; it has the student's vocabulary.</param>
/// <param name="studentHead">The role of the student's output projection.</param>
/// <param name="normEpsilon">Added to the mean square in the student's final norm.</param>
/// <param name="temperature">T.</param>
public sealed class Distillation(ModelDefinition teacher, string studentHead = Roles.Head, double normEpsilon = 1e-6, double temperature = 2)
{
    private const string Teach = "teach";
    private const string Distill = "distill";

    // <snippet>
    /// <summary>The plan of a student, with the teacher beside it.</summary>
    public TrainingPlan Plan(TrainingPlan student)
    {
        ArgumentNullException.ThrowIfNull(student);
        return student.WithModel(teacher).WithProgram(Beside)
            .WithOp(Teach, (_, stage) => new TransformBlock<OpWork, Computed>(
                work => work.Give(work.Head.Logits(work.Parameters!, work.Batch.LabelledRows(work.Input()))), stage.ToDataflow()))
            .WithOp(Distill, (_, stage) => new TransformBlock<OpWork, Computed>(Differentiate, stage.ToDataflow()));
    }

    /// <summary>Where a program trains the student's head, the teacher goes forward first, and the head compares itself with it.</summary>
    public StepProgram Beside(StepProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        var builder = new ProgramBuilder(program);
        foreach (var visit in program.Visits)
        {
            if (visit.Op != Ops.Head)
            {
                builder.Visit(visit);
                continue;
            }

            var (unit, hidden, logits) = (teacher.Head.Unit, builder.Forward(teacher, store: 1, visit.MicroBatch), builder.Value("teacher's logits"));
            builder.Visit(Teach, unit, teacher.Hidden.Count, builder.Weights(unit), [hidden], [logits], visit.MicroBatch, store: 1);
            builder.Visit(visit with { Op = Distill, Reads = visit.Reads.Add(logits) });
        }

        return builder.Build();
    }
    // </snippet>

    private Computed Differentiate(OpWork work)
    {
        using var leaves = work.Parameters!.AsLeaves();
        using var withGraph = enable_grad();
        var hidden = work.Input(0).detach().requires_grad_();
        var student_NV = linear(RootMeanSquare.Norm(work.Batch.LabelledRows(hidden), leaves[Roles.FinalNorm], normEpsilon), leaves[studentHead]).to(float32);
        var loss = Divergence(work.Input(1), student_NV);
        string[] roles = work.Gradients is null ? [] : [Roles.FinalNorm, studentHead];
        var found = autograd.grad([loss.Times(work.LossScale)], [hidden, .. roles.Select(role => leaves[role])]);
        using var noGraph = no_grad();
        work.Gradients?.Flat.zero_();
        for (var i = 0; i < roles.Length; i++) work.Gradients![roles[i]].copy_(found[i + 1]);
        return work.GiveLoss(loss, found[0]);
    }

    private Tensor Divergence(Tensor teacher_NV, Tensor student_NV)
    {
        var wanted_NV = log_softmax(teacher_NV.Over(temperature), -1);
        var given_NV = log_softmax(student_NV.Over(temperature), -1);
        return (wanted_NV.exp() * (wanted_NV - given_NV)).sum().Times(temperature * temperature);
    }
}
