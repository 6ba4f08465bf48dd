using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Tests.Training;
using Horizon.Flow.Units;

namespace Horizon.Flow.Tests.Program;

/// <summary>Values that live from program to program.</summary>
public class KeptValuesTests
{
    /// <summary>A forward cut anywhere, the first part in one pass and the second in another, gives the bits of the whole.</summary>
    [Cases(12, Arbitrary = [typeof(TrainingCases)])]
    public async Task Compute_TheSecondHalfFromAKeptState_AsTheWhole(TrainingCase @case, FsCheck.PositiveInt where)
    {
        var plan = @case.Plan();
        var (first, second) = Halves(plan.Model, where.Get % plan.Model.Hidden.Count);
        var batch = @case.Model.Batch(1);
        using var store = @case.CreateStore(plan);
        using var device = new ClockedDevice();
        await using var run = plan.Start(store, device);
        var whole = (await run.LogitsAsync([batch]))[0];
        for (var round = 0; round < 2; round++) // the second takes the place of the first
        {
            await run.ComputeAsync(first, [batch]);
            for (var read = 0; read < 2; read++) Assert.Equal(whole.Numbers, (await run.ComputeAsync(second, [batch])).Results[0].Numbers);
        }

        Assert.Equal(["state"], run.Context.Kept.Names);
        Assert.True(await run.ForgetAsync("state"));
        Assert.False(await run.ForgetAsync("state"));
        Assert.Empty(run.Context.Kept.Names);
    }

    [Fact]
    public async Task Compute_WhatNobodyKept_IsRefusedAndTheRunGoesOn()
    {
        var plan = SmallRun.Plan();
        var (first, second) = Halves(plan.Model, 0);
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var told = await Assert.ThrowsAsync<HorizonException>(() => run.ComputeAsync(second, SmallRun.Batch()));
        Assert.Equal("the program reads 'state', which no program of this run has kept; run one that writes it first", told.Message);
        await run.ComputeAsync(first, SmallRun.Batch());
        Assert.NotEmpty((await run.ComputeAsync(second, SmallRun.Batch())).Results);
    }

    /// <summary>What a pass keeps takes the place of what the pass before has kept.</summary>
    [Fact]
    public async Task Compute_KeepingForAHundredPasses_HoldsOne()
    {
        var (given, held) = (new List<TorchSharp.torch.Tensor>(), 0);
        var plan = SmallRun.Plan().WithOp("copy", (_, stage) => new StageBlock<OpWork, Computed>(stage, (work, _) =>
        {
            var copy = work.Input().clone();
            held = Math.Max(held, given.Count(earlier => !earlier.IsInvalid));
            given.Add(copy);
            return ValueTask.FromResult<Computed?>(work.Give(copy));
        }));
        var (first, _) = Halves(plan.Model, 0);
        var builder = new ProgramBuilder(first);
        foreach (var visit in first.Visits) builder.Visit(visit);
        builder.Visit("copy", 0, 0, null, [first.Keeps[0]], [builder.Value("copied", keptAs: "copied")]);
        var program = builder.Build();
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        for (var pass = 0; pass < 100; pass++) await run.ComputeAsync(program, SmallRun.Batch());
        Assert.True(await run.ForgetAsync("copied"));
        Assert.Equal(100, given.Count);
        Assert.All(given, copy => Assert.True(copy.IsInvalid));
        Assert.InRange(held, 1, 2); // a pass is over for its caller before its last value is kept
    }

    /// <summary>A pass is over for its caller with its last number; a visit behind that may still have to keep a value.</summary>
    [Fact]
    public async Task Forget_WhileAVisitBehindTheLastResultIsUnderWay_WaitsForIt()
    {
        var (gate, kept) = (new TaskCompletionSource(), (TorchSharp.torch.Tensor?)null);
        var plan = SmallRun.Plan().WithOp("late", (_, stage) => new StageBlock<OpWork, Computed>(stage, async (work, call) =>
        {
            var given = work.Give(kept = work.Input().clone());
            await call.WaitFor(new ValueTask(gate.Task));
            return given;
        }));
        var (first, _) = Halves(plan.Model, 0);
        var builder = new ProgramBuilder(first);
        foreach (var visit in first.Visits) builder.Visit(visit);
        var late = builder.Value("late", keptAs: "late");
        builder.Visit("late", 0, 0, null, [first.Keeps[0]], [late]);
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        Assert.Single((await run.ComputeAsync(builder.Build(), SmallRun.Batch())).Results);
        var forgotten = run.ForgetAsync("late");
        await device.Lane.RunAsync(() => { }); // behind whatever that has sent there already
        gate.SetResult();
        Assert.True(await forgotten);
        Assert.True(kept!.IsInvalid);
        Assert.Equal(["state"], run.Context.Kept.Names);
    }

    [Fact]
    public void Validate_AKeptValueThatIsNoTensorOfItsOwn_IsNamed()
    {
        var plan = SmallRun.Plan();
        var builder = new ProgramBuilder();
        var input = builder.Value("h1");
        builder.Visit(Ops.Forward, 0, 0, builder.Weights(0), [], [input]);
        var tape = builder.Value("tape", ValueKind.Tape, holds: [input], keptAs: "tape");
        builder.Visit(Ops.Recompute, 1, 1, builder.Weights(1), [input], [tape]);
        Assert.Contains(plan.Validate(builder.Build(), 1), problem => problem.ToString().Contains("it is kept beyond its program but is no tensor of its own", StringComparison.Ordinal));
    }

    // Both give numbers, since a pass that gives none is refused: the first the logits of what it keeps, as if the head came next.
    private static (StepProgram First, StepProgram Second) Halves(ModelDefinition model, int last)
    {
        var first = new ProgramBuilder();
        int? hidden = null;
        for (var layer = 0; layer <= last; layer++)
        {
            var next = layer == last ? first.Value("state", keptAs: "state") : first.Value($"h{layer + 1}");
            first.Visit(Ops.Forward, model.Hidden[layer].Unit, layer, first.Weights(model.Hidden[layer].Unit), [hidden], [next]);
            hidden = next;
        }

        Logits(first, model, hidden);
        var second = new ProgramBuilder();
        hidden = second.Value("state", keptAs: "state");
        for (var layer = last + 1; layer < model.Hidden.Count; layer++)
        {
            var next = second.Value($"h{layer + 1}");
            second.Visit(Ops.Forward, model.Hidden[layer].Unit, layer, second.Weights(model.Hidden[layer].Unit), [hidden], [next]);
            hidden = next;
        }

        Logits(second, model, hidden);
        return (first.Build(), second.Build());
    }

    private static void Logits(ProgramBuilder builder, ModelDefinition model, int? hidden) =>
        builder.Visit(Ops.Logits, model.Head.Unit, model.Hidden.Count, builder.Weights(model.Head.Unit), [hidden], [], result: true);
}
