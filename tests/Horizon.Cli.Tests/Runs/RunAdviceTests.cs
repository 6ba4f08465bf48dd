using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Reports;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>
/// Runs that are made so that one thing binds, which the advice must name; and what it says to change must help. Their clock moves only with what is
/// made slow, so that neither the processor nor what else runs on it has a say.
/// </summary>
public class RunAdviceTests
{
    private const int Steps = 5;
    private static readonly TimeSpan Long = TimeSpan.FromMilliseconds(60);

    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Of_SlowHost_SaysThatTheUpdateBindsAndThatAnUpdateShouldServeMoreTokens()
    {
        var (slow, tokens) = await Run(update: Long);
        var advice = RunAdvice.Of(slow)!;
        Assert.Equal("update", advice.Binds);
        Assert.Contains("raise training.gradient_accumulation", advice.Sentence, StringComparison.Ordinal);
        var (mended, moreTokens) = await Run(update: Long, accumulation: 4);
        Assert.True(mended["update"].Busy.TotalSeconds / moreTokens < 0.5 * slow["update"].Busy.TotalSeconds / tokens);
    }

    [Fact]
    public async Task Of_SlowDevice_SaysThatComputingBindsAndWhatIsComputedAgain()
    {
        var (shares, _) = await Run(compute: Long);
        var advice = RunAdvice.Of(shares, Cost(again: 0.25))!;
        Assert.Equal("compute", advice.Binds);
        Assert.Contains("20 % of it is computed again", advice.Sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("computed again", RunAdvice.Of(shares, Cost())!.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_CallerThatIsSlowWithItsData_SaysThatTheGraphStood()
    {
        var (shares, _) = await Run(between: Long);
        Assert.Equal("input", RunAdvice.Of(shares)!.Binds);
    }

    [Fact]
    public async Task Of_StepsWhoseBytesTakeLongest_SaysThatTheLinkBinds()
    {
        var (shares, _) = await Run(compute: Long);
        var advice = RunAdvice.Of(shares, Cost(upload: 3), shareOfFloor: 0.95)!;
        Assert.Equal("copies", advice.Binds);
        Assert.Contains("raise training.batch_size", advice.Sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("measured on 2026-11-26", 0.9, true)]
    [InlineData("measured on 2026-11-26", 0.5, false)]
    [InlineData("assumed", 0.9, false)]
    public async Task Of_NearAFloorThatWasMeasured_SaysNothing(string source, double share, bool silent)
    {
        var (shares, _) = await Run(compute: Long);
        Assert.Equal(silent, RunAdvice.Of(shares, Cost(source: source), share) is null);
    }

    [Fact]
    public void Of_NothingMeasured_SaysNothing() => Assert.Null(RunAdvice.Of(new Dictionary<string, StageShares>()));

    private static StepCost Cost(double upload = 0, string source = "assumed", double again = 0) => new(
        new StepWork(1, 1, again, 1, 1, 1, 1, (0, 0, 0)), new StepTime(1, 0, upload, 0, 0, 0), new MachineRates("cpu", 1, 1, 1, 1, 1, 1, source));

    private async Task<(IReadOnlyDictionary<string, StageShares> Shares, long Tokens)> Run(
        TimeSpan update = default, TimeSpan compute = default, TimeSpan between = default, int accumulation = 1)
    {
        var model = ModelFamilies.Define(ModelFolder.ReadConfig(RunFolder.Stories));
        var plan = TrainingPlan.For(model, new()
        {
            Optimizer = new SlowOptimizer(_time, update), LearningRate = _ => 1e-4, GradientAccumulation = accumulation,
        });
        using var store = plan.CreateStore(StorePrecision.Fp32);
        using (var weights = WeightFiles.Open(RunFolder.Stories)) await StoreLoader.LoadAsync(weights, store.Units);
        using var processor = ComputeDevice.Parse("cpu");
        using var device = new SlowDevice(processor, _time, compute);
        await using var run = plan.Start(store, device, new() { Time = _time });
        long[] ids = [.. Enumerable.Range(3, 8)], positions = [.. Enumerable.Range(0, 8)];
        var batch = new MicroBatch(1, 8, ids, ids, positions);
        for (var step = 0; step < Steps; step++)
        {
            await (await run.BeginStepAsync([.. Enumerable.Repeat(batch, accumulation)])).Report;
            _time.Advance(between);
        }

        return (run.Shares, (long)Steps * accumulation * batch.TokenCount);
    }
}
