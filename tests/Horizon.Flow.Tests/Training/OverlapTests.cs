using System.Collections.Concurrent;
using FsCheck;
using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Training;

/// <summary>
/// Updates are part of the pipeline. Gates hold a stage until another has done what it could only have done beside it: a run that
/// went through the phases one after another would wait for ever.
/// </summary>
public class OverlapTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    [Cases(8, Arbitrary = [typeof(TrainingCases)])]
    public async Task Train_WithoutClipping_UpdatesUnitsWhileBackwardGoesOnBelow(TrainingCase @case, PositiveInt seed)
    {
        var tested = @case with { Clip = false, MicroBatches = 1 };
        var updated = new Signals(tested.Steps);
        var spans = await TraceAsync(
            tested,
            seed.Get,
            plan => plan.OutOfJoin(Stages.Backward).Insert("hold the lowest", (_, stage) => new StageBlock<BackwardWork, BackwardWork>(stage, async (unit, call) =>
            {
                if (unit.Visit.Layer == 0) await call.WaitFor(updated.WaitAsync(unit.Visit.Step.Number, call.Cancellation));
                return unit;
            })),
            span => span is { Stage: "update", Message: UnitMessage { Visit.Unit: > 0 } message },
            updated);
        for (var step = 1; step <= tested.Steps; step++)
        {
            var lastBackward = spans.Where(span => span.Stage == "backward" && span.Message!.Step == step).Max(span => span.End);
            Assert.Contains(spans, span => span.Stage == "update" && span.Message!.Step == step && span.Start < lastBackward);
        }
    }

    [Cases(8, Arbitrary = [typeof(TrainingCases)])]
    public async Task Train_WithClipping_NextForwardFollowsTheUpdatesUnitByUnit(TrainingCase @case, PositiveInt seed)
    {
        var tested = @case with { Clip = true, Steps = 3 };
        var forward = new Signals(tested.Steps);
        var last = ModelFamilies.Define(tested.Model.Config).Units.Count - 1;
        var spans = await TraceAsync(
            tested,
            seed.Get,
            plan => plan.At(Stages.Clip).InsertAfter("hold the last", (_, stage) => new StageBlock<HostGradient, HostGradient>(stage, async (gradient, call) =>
            {
                var step = gradient.Visit.Step.Number;
                if (gradient.Visit.Unit == last && step < tested.Steps) await call.WaitFor(forward.WaitAsync(step + 1, call.Cancellation));
                return gradient;
            })),
            span => span is { Stage: "forward", Message: UnitMessage { Visit.Layer: 0 } },
            forward);
        for (var step = 1; step < tested.Steps; step++)
        {
            var lastUpdate = spans.Where(span => span.Stage == "update" && span.Message!.Step == step).Max(span => span.End);
            Assert.Contains(spans, span => span.Stage == "forward" && span.Message!.Step == step + 1 && span.End < lastUpdate);
        }
    }

    /// <summary>Every capacity 1, one thread, and no step begun before the last one is reported: the sequential order.</summary>
    [Cases(15, Arbitrary = [typeof(TrainingCases)])]
    public async Task<bool> Train_Pipelined_IsBitwiseTheSequentialOrder(TrainingCase @case, bool bf16, PositiveInt seed)
    {
        var tested = @case with { Bf16 = bf16 };
        var pipelined = await tested.TrainAsync(device: () => new JitterDevice(seed.Get));
        var sequential = await SequentialAsync(tested with { RecomputeInterval = 1, Capacities = new(1, 1, 1, 1, 1, 1) });
        return pipelined.IsBitwise(sequential);
    }

    // In every trace, gated or not: no unit goes forward in a step before its update of the step before has begun.
    private static async Task<IReadOnlyList<StageSpan>> TraceAsync(
        TrainingCase @case, int seed, Func<TrainingPlan, TrainingPlan> gate, Func<StageSpan, bool> opens, Signals signals)
    {
        var plan = gate(TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options()));
        using var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, @case.Model.Parameters());
        using var device = new JitterDevice(seed);
        var spans = new ConcurrentQueue<StageSpan>();
        var run = plan.Start(store, device, new GraphRunOptions
        {
            OnSpan = span =>
            {
                spans.Enqueue(span);
                if (opens(span)) signals.Set(span.Message!.Step);
            },
        });
        await ConsumeAsync(run, @case).WaitAsync(Bound);
        await run.DisposeAsync();
        var updates = spans.Where(span => span.Stage == "update").ToDictionary(span => (span.Message!.Step, ((UnitMessage)span.Message).Visit.Unit));
        Assert.All(spans.Where(span => span is { Stage: "forward", Message.Step: > 1 }), span =>
            Assert.True(updates[(span.Message!.Step - 1, ((UnitMessage)span.Message).Visit.Unit)].Start <= span.Start));
        return [.. spans];
    }

    private static async Task ConsumeAsync(TrainingRun run, TrainingCase @case)
    {
        await foreach (var _ in run.StepsAsync(Steps(@case), ahead: 1))
        {
        }
    }

    private static async Task<TrainingOutcome> SequentialAsync(TrainingCase @case)
    {
        var plan = TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options());
        using var store = plan.CreateStore(@case.Bf16 ? StorePrecision.Bf16 : StorePrecision.Fp32);
        StoreValues.Write(store, @case.Model.Parameters());
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var reports = new List<StepReport>();
        foreach (var step in Steps(@case)) reports.Add(await (await run.BeginStepAsync(step)).Report);
        return new TrainingOutcome(reports, StoreValues.Read(store));
    }

    private static IEnumerable<IReadOnlyList<MicroBatch>> Steps(TrainingCase @case) => @case.Batches();

    private sealed class Signals(int steps)
    {
        private readonly TaskCompletionSource[] _sources =
            [.. Enumerable.Range(0, steps + 2).Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))];

        public void Set(long step) => _sources[step].TrySetResult();

        public ValueTask WaitAsync(long step, CancellationToken cancellation) => new(_sources[step].Task.WaitAsync(cancellation));
    }
}
