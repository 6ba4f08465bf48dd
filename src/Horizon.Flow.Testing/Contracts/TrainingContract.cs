using Horizon.Flow.Devices;
using Horizon.Flow.Graph;

namespace Horizon.Flow.Testing;

/// <summary>
/// What a run expects of a changed plan, for stages that compute, whose messages only a run can make: it trains, on a device that throws on a missing fence and on one
/// whose copies are late, to the same bits; it gives back every lease and tensor; and it ends when it is aborted in the midst of a step.
/// </summary>
public static class TrainingContract
{
    private const int WarmUps = 20;
    private const int CountedSteps = 60;

    /// <summary>Puts a change of the default plan through it.</summary>
    /// <param name="rewire">Changes the plan.</param>
    /// <param name="training">What is trained; a small tied model over two steps of two micro-batches by default.</param>
    /// <param name="keepsBits">Whether losses and parameters must be those of the default plan.</param>
    /// <exception cref="TestingException">The plan breaks it.</exception>
    /// <exception cref="StageException">A stage failed; an <see cref="UnorderedAccessException"/> within is a missing fence.</exception>
    public static async Task CheckAsync(Func<TrainingPlan, TrainingPlan> rewire, TrainingCase? training = null, bool keepsBits = false)
    {
        ArgumentNullException.ThrowIfNull(rewire);
        training ??= TrainingCase.Small;
        var clocked = await training.TrainAsync(rewire: rewire, device: () => new ClockedDevice()).ConfigureAwait(false);
        TestingException.Require(clocked.Reports.All(report => double.IsFinite(report.Loss) && !report.Skipped), $"a loss or a gradient is not finite");
        var late = await training.TrainAsync(rewire: rewire, device: () => new JitterDevice(1)).ConfigureAwait(false);
        TestingException.Require(clocked.IsBitwise(late), $"late copies change the result: a stage reads a buffer without its fence, or twice from one source of randomness");
        if (keepsBits)
        {
            var plain = await training.TrainAsync().ConfigureAwait(false);
            TestingException.Require(plain.IsBitwise(clocked), $"the plan's losses or parameters are not those of the default plan");
        }

        await RequireNoTensorAsync(rewire(training.Plan()), training).ConfigureAwait(false);
        await RequireEndAsync(rewire(training.Plan()), training).ConfigureAwait(false);
    }

    // A buffer makes its views when a unit of each kind first lies in it, and timing decides when; a tensor lost in every step is as many as there are steps.
    private static async Task RequireNoTensorAsync(TrainingPlan plan, TrainingCase training)
    {
        using var device = new CpuDevice();
        using var store = training.CreateStore(plan);
        await using var run = plan.Start(store, device);
        await TrainAsync(WarmUps).ConfigureAwait(false);
        var before = await Leaks.TensorsOfAsync(device).ConfigureAwait(false);
        await TrainAsync(CountedSteps).ConfigureAwait(false);
        var more = await Leaks.TensorsOfAsync(device).ConfigureAwait(false) - before;
        TestingException.Require(more < CountedSteps, $"{CountedSteps} steps have left {more} tensors on the compute lane");

        async Task TrainAsync(int steps)
        {
            var batches = training.Batches().First();
            await foreach (var _ in run.StepsAsync(Enumerable.Repeat(batches, steps), ahead: 1).ConfigureAwait(false))
            {
            }
        }
    }

    private static async Task RequireEndAsync(TrainingPlan plan, TrainingCase training)
    {
        using var store = training.CreateStore(plan);
        using var device = new ClockedDevice();
        var run = plan.Start(store, device);
        await run.BeginStepAsync(training.Batches().First()).ConfigureAwait(false);
        run.Abort();
        await run.DisposeAsync().ConfigureAwait(false);
        Leaks.RequireLeasesBack(run);
        TestingException.Require(run.Fault is null, $"the run was aborted and has a fault: {run.Fault?.Message}");
    }
}
