using FsCheck;
using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Program;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Program;

/// <summary>Any program that means the same trains to the same bits, and what the validator accepts never hangs, whatever the bounds.</summary>
public class ProgramBoundsTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(5);

    [Cases(20, Arbitrary = [typeof(TrainingCases)])]
    public async Task<bool> Train_AnyProgramThatMeansTheSame_IsBitwiseTheDefault(TrainingCase @case, bool bf16, PositiveInt seed)
    {
        var tested = @case with { Bf16 = bf16 };
        var plain = await tested.TrainAsync();
        var varied = await tested.TrainAsync(
            Capacities.Chosen(seed.Get), device: () => new ClockedDevice(),
            rewire: plan => plan.WithProgram(program => Programs.Vary(program, seed.Get, changed => plan.Validate(changed, MicroBatchesOf(changed)).Count == 0)));
        return plain.IsBitwise(varied);
    }

    /// <summary>Bounds of 1 to 3 everywhere, too small ones among them, and programs that nobody looked at.</summary>
    [Cases(40, Arbitrary = [typeof(TrainingCases)])]
    public async Task Run_AnyProgramAndBounds_IsRefusedOrEndsWithTheSameBits(TrainingCase @case, PositiveInt seed)
    {
        var random = new Random(seed.Get);
        var plan = @case.Plan().With(options => options with
        {
            Pipeline = options.Pipeline with
            {
                DeviceBuffers = random.Next(1, 4),
                GradientBuffers = random.Next(1, 4),
                GradientSlabs = random.Next(1, 4),
                FetchAhead = random.Next(1, 4),
                StageCapacity = random.Next(1, 4),
                ReturnBuffers = random.Next(1, 4),
            },
        }).WithProgram(program => Programs.Vary(program, seed.Get, _ => true));
        var problems = plan.Validate();
        using var store = @case.CreateStore(plan);
        using var device = new CpuDevice();
        if (problems.Count > 0)
        {
            Assert.All(problems, problem => Assert.Contains("leases of", problem.ToString(), StringComparison.Ordinal));
            Assert.Throws<PlanException>(() => plan.Start(store, device));
            return;
        }

        var run = plan.Start(store, device);
        var reports = new List<StepReport>();
        await RunAsync().WaitAsync(Bound);
        await run.DisposeAsync().AsTask().WaitAsync(Bound);
        Leaks.RequireNoLease(run);
        Assert.True((await @case.TrainAsync()).IsBitwise(new TrainingOutcome(reports, StoreValues.Read(store))));

        async Task RunAsync()
        {
            await foreach (var report in run.StepsAsync(@case.Batches(), ahead: 1)) reports.Add(report);
        }
    }

    private static int MicroBatchesOf(StepProgram program) => program.Visits.Max(visit => visit.MicroBatch) + 1;
}
