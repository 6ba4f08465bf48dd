using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Program;
using Horizon.Flow.Resources;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Distributed.Tests;

/// <summary>Runs on several ranks: their fences, their faults, their edges.</summary>
public class RankRunTests
{
    /// <summary>Slices go up, are made whole, summed and come down with a fence between every two uses of a buffer.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Training_OnDevicesWithClocks_HasAFenceBetweenAllUses(int prefetch)
    {
        var training = TrainingCase.Small with { MicroBatches = 4, Bf16 = true };
        var expected = await new RankTraining(training, 2).TrainAsync();
        var clocked = await new RankTraining(training, 2) { Prefetch = prefetch, Device = _ => new ClockedDevice(1) }.TrainAsync();
        Assert.True(expected[0].IsBitwise(clocked[0]));
    }

    [Fact]
    public async Task Training_OnDevicesWithLateCopies_HasTheSameBits()
    {
        var training = TrainingCase.Small with { MicroBatches = 4 };
        var expected = await new RankTraining(training, 2).TrainAsync();
        var late = await new RankTraining(training, 2) { Device = rank => new JitterDevice(rank) }.TrainAsync();
        Numbers.AssertClose(expected[0].Parameters, late[0].Parameters, 1e-6); // another number of threads an operator
    }

    /// <summary>The last step of an epoch may have fewer micro-batches than ranks: who has none does the step without a label.</summary>
    [Fact]
    public async Task Step_WhereARankHasNoLabel_IsThatOfTheOthers()
    {
        var training = TrainingCase.Small with { Steps = 1, MicroBatches = 1, Clip = true };
        var one = await training.TrainAsync(device: () => new CpuDevice(1));
        var batch = training.Batches().Single()[0];
        var targets = Enumerable.Repeat(MicroBatch.Unlabelled, batch.Targets.Length).ToArray();
        var unlabelled = new MicroBatch(batch.Rows, batch.SequenceLength, batch.InputIds, targets, batch.Positions, batch.Documents, 0);
        var sides = HostCollectives.CreateLocal(2);
        var stores = new ParameterStore[2];
        var reports = await Task.WhenAll(sides.Select((side, rank) => Task.Run(async () =>
        {
            var plan = training.Plan().Distribute(side);
            stores[rank] = plan.CreateStore(StorePrecision.Fp32);
            SliceValues.Write(plan, stores[rank], rank, 2, training.Model.Parameters());
            using var device = new CpuDevice(1);
            await using var run = plan.Start(stores[rank], device);
            return await (await run.BeginStepAsync([rank == 0 ? batch : unlabelled])).Report;
        })));
        Assert.All(reports, report => Assert.Equal((one.Reports[0].Loss, one.Reports[0].Tokens), (report.Loss, report.Tokens)));
        Numbers.AssertClose(one.Parameters, SliceValues.Join(training.Plan(), stores), 1e-6);
        foreach (var store in stores) store.Dispose();
    }

    /// <summary>A gradient that is not finite on one rank skips the step on all, and the parameters stay.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Step_ThatIsBadOnOneRank_IsSkippedByAll(bool clip)
    {
        var training = TrainingCase.Small with { Steps = 1, MicroBatches = 2, Clip = clip };
        var ranks = await new RankTraining(training, 2)
        {
            RewireOne = (plan, rank) => rank == 0 ? plan : plan.At(Stages.Accumulate).InsertAfter("spoil", gradient =>
            {
                gradient.Floats(0, 1)[0] = float.NaN;
                return gradient;
            }),
        }.TrainAsync();
        Assert.All(ranks, rank => Assert.True(rank.Reports[0].Skipped));
        Assert.Equal(ranks[0].Reports[0].SkipReason, ranks[1].Reports[0].SkipReason);
        if (clip) Assert.All(training.Model.Parameters(), pair => Assert.Equal(pair.Value, ranks[0].Parameters[pair.Key]));
    }

    /// <summary>Every rule that works element by element, 8-bit blocks included where slices end between them.</summary>
    [Theory]
    [InlineData("adamw8bit")]
    [InlineData("lion")]
    [InlineData("sgd")]
    public async Task Training_WithEachElementwiseRule_HasTheBitsOfOneRank(string rule)
    {
        // Widths of a block, so that every parameter is whole blocks.
        var small = TrainingCase.Small with { MicroBatches = 2, Clip = false, Model = TrainingCase.Small.Model with { Layers = 1, HeadWidth = 256, Groups = 1, Hidden = 256, Intermediate = 256, Tied = false } };
        var (one, ranks) = (await small.TrainAsync(rewire: Rule, device: () => new CpuDevice(1)), await new RankTraining(small, 2) { Rewire = Rule }.TrainAsync());
        Assert.All(one.Parameters, pair => Assert.Equal(pair.Value, ranks[0].Parameters[pair.Key]));

        TrainingPlan Rule(TrainingPlan plan) => plan.With(options => options with { Optimizer = OptimizerFactory.Create(rule) });
    }

    /// <summary>A stage of a user's own that changes gradients changes slices, and the norm is that of what it made of them.</summary>
    [Fact]
    public async Task Training_WithGradientsChangedBeforeClip_IsThatOfOneRank()
    {
        var training = TrainingCase.Small with { MicroBatches = 2 };
        var (one, ranks) = (await training.TrainAsync(rewire: Triple, device: () => new CpuDevice(1)), await new RankTraining(training, 2) { Rewire = Triple }.TrainAsync());
        Assert.All(one.Reports.Zip(ranks[1].Reports), pair => Assert.Equal(pair.First.GradientNorm, pair.Second.GradientNorm, 1e-5 * pair.First.GradientNorm));
        Numbers.AssertClose(one.Parameters, ranks[0].Parameters, 1e-6);

        static TrainingPlan Triple(TrainingPlan plan) => plan.At(Stages.Accumulate).InsertAfter("triple", gradient =>
        {
            foreach (ref var value in gradient.Floats(0, (int)gradient.Layout.ElementCount)) value *= 3;
            return gradient;
        });
    }

    /// <summary>One rank's stage fails: it says why, the other ends too and says which rank, and nothing is left out or hanging.</summary>
    [Fact]
    public async Task Fault_OfOneRank_EndsAllWithNames()
    {
        var training = TrainingCase.Small with { Steps = 4, MicroBatches = 2 };
        var sides = HostCollectives.CreateLocal(2);
        var errors = await Task.WhenAll(sides.Select((side, rank) => Task.Run(async () =>
        {
            var own = training with { MicroBatches = 1 };
            var plan = TrainingPlan.For(training.Definition, own.Options());
            if (rank == 1) plan = plan.At(Stages.Accumulate).InsertAfter("broken", gradient => gradient.Step == 2 ? throw new InvalidOperationException("broken on purpose") : gradient);
            plan = plan.Distribute(side);
            using var store = plan.CreateStore(StorePrecision.Fp32);
            SliceValues.Write(plan, store, rank, 2, training.Model.Parameters());
            using var device = new CpuDevice(1);
            var run = plan.Start(store, device);
            var error = await Record.ExceptionAsync(async () =>
            {
                await foreach (var _ in run.StepsAsync(training.Batches().Select(step => new[] { step[rank] }), ahead: 1))
                {
                }
            });
            await run.DisposeAsync();
            Leaks.RequireLeasesBack(run);
            return error!;
        }))).WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Contains("broken on purpose", Assert.IsType<StageException>(errors[1]).Message, StringComparison.Ordinal);
        Assert.Contains("rank 1 ended the ranks", Assert.IsType<StageException>(errors[0]).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Evaluation_OnRanks_IsTheMeanOverAllOfTheirBatches()
    {
        var training = TrainingCase.Small;
        var batches = Enumerable.Range(0, 4).Select(i => training.Model.Batch(i)).ToList();
        double expected;
        var alone = training.Plan();
        using (var store = training.CreateStore(alone))
        using (var device = new CpuDevice(1))
        await using (var run = alone.Start(store, device))
            expected = await run.EvaluateAsync(batches);
        var losses = await Task.WhenAll(HostCollectives.CreateLocal(2).Select((side, rank) => Task.Run(async () =>
        {
            var plan = training.Plan().Distribute(side);
            using var store = plan.CreateStore(StorePrecision.Fp32);
            SliceValues.Write(plan, store, rank, 2, training.Model.Parameters());
            using var device = new CpuDevice(1);
            await using var run = plan.Start(store, device);
            return await run.EvaluateAsync([.. batches.Where((_, i) => i % 2 == rank)]);
        })));
        Assert.All(losses, loss => Assert.Equal(expected, loss, 1e-9));
    }

    /// <summary>A rank's budget: state falls to its share, and the buffers for whole units come to it.</summary>
    [Fact]
    public void Budget_OfARank_HasItsShareOfTheState()
    {
        var plan = TrainingCase.Small.Plan();
        var (alone, ranked) = (MemoryBudget.Of(plan, StorePrecision.Bf16), MemoryBudget.Of(plan.Distribute(new PlannedRanks(2)), StorePrecision.Bf16));
        var sliced = plan.Model.Units.Sum(unit => new UnitSlices(plan, 0, 2).Of(unit).ElementCount);
        Assert.Equal(12 * plan.Model.ParameterCount, StateOf(alone));
        Assert.Equal(12 * sliced, StateOf(ranked));
        Assert.InRange(sliced, plan.Model.ParameterCount / 2, plan.Model.ParameterCount);
        Assert.Contains(ranked.Items, item => item is { Kind: "whole weight buffers", Place: MemoryPlace.Device });

        static long StateOf(MemoryBudget budget) => budget.Items
            .Where(item => item.Kind.StartsWith("weights", StringComparison.Ordinal) || item.Kind.StartsWith("differences", StringComparison.Ordinal) || item.Kind.StartsWith("optimizer", StringComparison.Ordinal))
            .Sum(item => item.Bytes);
    }

    /// <summary>What the ranks' programs look like: every load a gather, ahead of its reader; every gradient a scatter.</summary>
    [Fact]
    public void Program_OfRanks_GathersAheadAndScattersBehind()
    {
        var plan = TrainingCase.Small.Plan().Distribute(new PlannedRanks(2));
        Assert.Empty(plan.Validate());
        var program = plan.CreateProgrammer().ProgramFor(new StepRequest(1, StepPurpose.Train, 2));
        var collectives = program.Visits.Where(visit => visit.Op == RankOps.Collective).ToList();
        Assert.All(program.Visits.Where(visit => visit.Op != RankOps.Collective), visit => Assert.False(visit.Loads || visit.GivesGradient));
        Assert.All(collectives, visit => Assert.True(visit.Loads ^ visit.GivesGradient));
        Assert.Equal([.. TrainingCase.Small.Plan().CreateProgrammer().ProgramFor(new StepRequest(1, StepPurpose.Train, 2)).TrainedUnits], program.TrainedUnits.ToArray());
        Assert.Equal([RankOps.Collective, RankOps.Collective, Ops.Forward], program.Visits.Take(3).Select(visit => visit.Op));
    }
}
