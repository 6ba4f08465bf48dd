using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Program;
using Horizon.Flow.Tests.Training;
using Horizon.Flow.Units;

namespace Horizon.Flow.Tests.Program;

/// <summary>Programs of one's own in a run: what fits the step runs to its end, what does not is refused before it enters.</summary>
public class ProgramRunTests
{
    [Fact]
    public async Task Compute_WithFewerMicroBatchesThanTheProgram_IsRefusedAndTheRunGoesOn()
    {
        var plan = SmallRun.Plan(options => options with { GradientAccumulation = 2 });
        var program = plan.CreateProgrammer().ProgramFor(new StepRequest(0, StepPurpose.Evaluate, 2));
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var (one, two) = (SmallRun.Batch(0), SmallRun.Batch(1));
        Assert.NotNull((await run.ComputeAsync(program, [.. one, .. two])).Losses);
        var told = await Assert.ThrowsAsync<PlanException>(() => run.ComputeAsync(program, one));
        Assert.Contains("it works on micro-batch 1, the step has 1", told.Message, StringComparison.Ordinal);
        Assert.Equal(1, (await (await run.BeginStepAsync([.. one, .. two])).Report).Step);
    }

    /// <summary>A user's programme that gives the hidden states of a training step to a tap.</summary>
    [Fact]
    public async Task Train_WithAProgramThatGivesResults_FinishesItsSteps()
    {
        var seen = 0;
        var plain = await SmallRun.Case.TrainAsync();
        var watched = await SmallRun.Case.TrainAsync(rewire: plan => plan.WithProgram(program => WithLogits(plan.Model, program))
            .At(Stages.Results).InsertAfter("count", result =>
            {
                Interlocked.Add(ref seen, result.Numbers.Length);
                return result;
            }));
        Assert.True(plain.IsBitwise(watched));
        var labels = SmallRun.Case.Batches().Sum(step => step.Sum(batch => batch.Targets.Count(target => target != MicroBatch.Unlabelled)));
        Assert.Equal(labels * SmallRun.Case.Model.Vocabulary, seen);
    }

    /// <summary>Numbers on the device are touched on the lane alone.</summary>
    [Fact]
    public async Task InsertBeforeResults_ChangesNumbersOnTheLane()
    {
        var plan = SmallRun.Plan();
        var onLane = new List<bool>();
        IComputeDevice? used = null;
        var doubled = plan.OutOfJoin(Stages.Results).Insert("look", result =>
        {
            onLane.Add(used!.Lane.IsCurrent);
            return result;
        });
        using var store = SmallRun.NewStore(doubled);
        using var device = new CpuDevice();
        used = device;
        await using var run = doubled.Start(store, device);
        await run.LogitsAsync(SmallRun.Batch());
        Assert.Equal([true], onLane);
    }

    [Fact]
    public async Task BeginStep_WithTokensThatTheTeacherDoesNotKnow_IsRefusedByName()
    {
        var small = SmallRun.Case.Model with { Vocabulary = SmallRun.Case.Model.Vocabulary - 3 };
        var teacher = ModelFamilies.Define(small.Config);
        var plan = SmallRun.Plan().WithModel(teacher).WithProgram(program => WithTeacher(teacher, program));
        using var store = SmallRun.NewStore(plan);
        using var others = TrainingPlan.For(teacher, SmallRun.Case.Options()).Freeze(_ => true).CreateStore(StorePrecision.Fp32);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device, options: null, others);
        var batch = SmallRun.Batch()[0];
        batch.InputIds[0] = SmallRun.Case.Model.Vocabulary - 1;
        var told = await Assert.ThrowsAnyAsync<Exception>(() => run.BeginStepAsync([batch]));
        Assert.Contains($"{small.Vocabulary}", told.Message, StringComparison.Ordinal);
        Assert.Equal(0, store.Step);
    }

    [Fact]
    public void Validate_SeveralGradientsAndNothingThatSums_NamesTheUnit()
    {
        var plan = SmallRun.Plan();
        var program = SmallRun.Plan(options => options with { GradientAccumulation = 2 }).CreateProgrammer().ProgramFor(new StepRequest(1, StepPurpose.Train, 2));
        var problems = plan.Validate(program, 2).Select(problem => problem.ToString()).ToList();
        Assert.Contains(problems, problem => problem.Contains("'layer 0'", StringComparison.Ordinal) && problem.Contains("2 gradients, which nothing sums", StringComparison.Ordinal));
    }

    private static StepProgram WithLogits(ModelDefinition model, StepProgram program)
    {
        var builder = new ProgramBuilder(program);
        foreach (var visit in program.Visits)
        {
            if (visit.Op == Ops.Head) builder.Visit(visit with { Op = Ops.Logits, Writes = [], GivesGradient = false, GivesLoss = false, GivesResult = true });
            builder.Visit(visit);
        }

        return builder.Build();
    }

    private static StepProgram WithTeacher(ModelDefinition teacher, StepProgram program)
    {
        var builder = new ProgramBuilder(program);
        builder.Forward(teacher, store: 1);
        foreach (var visit in program.Visits) builder.Visit(visit);
        return builder.Build();
    }
}
