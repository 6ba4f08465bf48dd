using Horizon.Flow.Graph;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Xunit.Abstractions;

namespace Horizon.Flow.Tests.Training;

/// <summary>
/// Users' stages on any edges that throw, drop, delay, duplicate, hold and cancel: every run ends, with the first error and all leases back, and what it calls a
/// success is one.
/// </summary>
public class UserStageTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(5);

    [Cases(40, Arbitrary = [typeof(PlanCases)])]
    public async Task Run_UsersStagesMisbehaveAnywhere_EndsWithTheFirstErrorAndAllLeases(PlanCase @case)
    {
        using var log = new UserStageLog();
        var plan = @case.Plan(log);
        using var store = @case.Training.CreateStore(plan);
        using var device = new CpuDevice();
        // Only where a message may be lost is a run that stands still looked for so soon: a busy machine stands still, too.
        var mayStall = @case.Stages.Any(stage => stage.Does is Misbehaviour.Drop or Misbehaviour.Hold or Misbehaviour.Duplicate);
        var run = plan.Start(store, device, new GraphRunOptions { Cancellation = log.Cancellation, StallTimeout = mayStall ? TimeSpan.FromSeconds(1) : TimeSpan.FromMinutes(2) });
        var reports = new List<StepReport>();
        var thrown = await Record.ExceptionAsync(() => RunAsync().WaitAsync(Bound));
        await run.DisposeAsync().AsTask().WaitAsync(Bound);
        Leaks.RequireLeasesBack(run);
        output.WriteLine($"{string.Join(", ", log.Done.Select(stage => stage.Does))}: {thrown?.Message ?? "success"}");
        var done = log.Done.Select(stage => stage.Does).ToHashSet();
        if (thrown is null)
        {
            var plain = await @case.Training.TrainAsync();
            Assert.Null(store.Damage);
            Assert.Equal(@case.Training.Steps, store.Step);
            Assert.True(plain.IsBitwise(new TrainingOutcome(reports, StoreValues.Read(store))), "the run calls itself a success, and its numbers are others");
            Assert.Empty(log.Planted);
            return;
        }

        Assert.True(thrown is StageException or OperationCanceledException, thrown.ToString());
        if (done.Count == 0) Assert.Contains("no stage has had a message for long", thrown.Message, StringComparison.Ordinal);
        if (done.IsSubsetOf([Misbehaviour.Throw, Misbehaviour.ThrowCancelled]) && done.Count > 0) Assert.Contains(Assert.IsType<StageException>(thrown).InnerException, log.Planted);
        if (done.SetEquals([Misbehaviour.Cancel])) Assert.IsAssignableFrom<OperationCanceledException>(thrown);

        async Task RunAsync()
        {
            await foreach (var report in run.StepsAsync(@case.Training.Batches(), ahead: 1)) reports.Add(report);
        }
    }
}
