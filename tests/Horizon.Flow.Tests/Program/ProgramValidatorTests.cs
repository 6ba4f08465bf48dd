using Horizon.Flow.Program;

namespace Horizon.Flow.Tests.Program;

/// <summary>Programs that cannot run are refused in words, before anything is allocated.</summary>
public class ProgramValidatorTests
{
    private static readonly TrainingPlan Plan = Training.SmallRun.Plan();

    [Fact]
    public void Check_ReadBeforeWrite_IsNamed()
    {
        var builder = new ProgramBuilder();
        var never = builder.Value("h");
        builder.Visit(Ops.Score, Plan.Model.Head.Unit, Plan.Model.Hidden.Count, builder.Weights(Plan.Model.Head.Unit), [never], [], loss: true);
        Assert.Contains("h is read but not written yet", Problem(builder.Build()), StringComparison.Ordinal);
    }

    [Fact]
    public void Check_WrittenTwice_IsNamed()
    {
        var builder = new ProgramBuilder();
        var h = builder.Value("h");
        for (var i = 0; i < 2; i++) builder.Visit(Ops.Forward, 0, 0, builder.Weights(0), [], [h]);
        Assert.Contains("h is written again", Problem(builder.Build()), StringComparison.Ordinal);
    }

    [Fact]
    public void Check_ReadAfterFree_IsNamed()
    {
        var builder = new ProgramBuilder();
        var h = builder.Forward(Plan.Model)!.Value;
        builder.Visit(Ops.Score, Plan.Model.Head.Unit, Plan.Model.Hidden.Count, builder.Weights(Plan.Model.Head.Unit), [h], [], loss: true);
        var built = builder.Build();
        var tooEarly = new StepProgram([.. built.Visits.Select(visit => visit.Index == built.Visits.Length - 2 ? visit with { Frees = visit.Frees.Add(h) } : visit)], built.Values);
        Assert.Contains($"{built.Values[h].Name} is read but freed already", Problem(tooEarly), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("teleport", 0, 0, 0, "the plan has no stage for 'teleport'")]
    [InlineData(Ops.Forward, 99, 0, 0, "it names unit 99")]
    [InlineData(Ops.Forward, 0, 3, 0, "it names store 3, there are 1")]
    [InlineData(Ops.Forward, 0, 0, 5, "it works on micro-batch 5, the step has 1")]
    public void Check_PlaceThatIsNotThere_IsNamed(string op, int unit, int store, int microBatch, string expected)
    {
        var builder = new ProgramBuilder();
        builder.Visit(op, unit, 0, builder.Weights(0), [], [builder.Value("h")], microBatch, store);
        Assert.Contains(expected, Problem(builder.Build()), StringComparison.Ordinal);
    }

    [Fact]
    public void Check_GradientOfAFrozenUnit_IsNamed()
    {
        var plan = Plan.Freeze(unit => unit.Name == "layer 0");
        var program = Plan.CreateProgrammer().ProgramFor(new StepRequest(1, StepPurpose.Train, 1));
        Assert.Contains("it gives a gradient of 'layer 0', which is not trained", string.Join('\n', plan.Validate(program, 1)), StringComparison.Ordinal);
    }

    private static string Problem(StepProgram program) => string.Join('\n', Plan.Validate(program, 1));
}
