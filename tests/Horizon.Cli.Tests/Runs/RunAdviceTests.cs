using Horizon.Flow.Activations;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Reports;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Runs that are made so that one thing binds, which the advice must name; and what it says to change must help.</summary>
public class RunAdviceTests
{
    private const int Steps = 5;
    private static readonly TimeSpan Long = TimeSpan.FromMilliseconds(60);

    [Fact]
    public async Task Of_SlowHost_SaysThatTheUpdateBindsAndThatAnUpdateShouldServeMoreTokens()
    {
        var (slow, tokens) = await Run(rows: 1, length: 8, optimizer: new SlowOptimizer(Long));
        var advice = RunAdvice.Of(slow)!;
        Assert.Equal("update", advice.Binds);
        Assert.Contains("raise training.gradient_accumulation", advice.Sentence, StringComparison.Ordinal);
        var (mended, moreTokens) = await Run(rows: 1, length: 8, optimizer: new SlowOptimizer(Long), accumulation: 4);
        Assert.True(mended["update"].Busy.TotalSeconds / moreTokens < 0.5 * slow["update"].Busy.TotalSeconds / tokens);
    }

    [Fact]
    public async Task Of_LargeBatchOnAProcessor_SaysThatComputingBindsAndWhatIsComputedAgain()
    {
        var (shares, _) = await Run(rows: 16, length: 128);
        var advice = RunAdvice.Of(shares, Cost(again: 0.25))!;
        Assert.Equal("compute", advice.Binds);
        Assert.Contains("20 % of it is computed again", advice.Sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("computed again", RunAdvice.Of(shares, Cost())!.Sentence, StringComparison.Ordinal);
        var (kept, _) = await Run(rows: 16, length: 128, policy: ActivationPolicy.Keep);
        Assert.Equal((0, "compute"), (kept["recompute"].Messages - kept["backward"].Messages, RunAdvice.Of(kept)!.Binds));
    }

    [Fact]
    public async Task Of_CallerThatIsSlowWithItsData_SaysThatTheGraphStood()
    {
        var (shares, _) = await Run(rows: 1, length: 8, between: 10 * Long);
        Assert.Equal("input", RunAdvice.Of(shares)!.Binds);
    }

    [Fact]
    public async Task Of_StepsWhoseBytesTakeLongest_SaysThatTheLinkBinds()
    {
        var (shares, _) = await Run(rows: 1, length: 8);
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
        var (shares, _) = await Run(rows: 16, length: 64);
        Assert.Equal(silent, RunAdvice.Of(shares, Cost(source: source), share) is null);
    }

    [Fact]
    public void Of_NothingMeasured_SaysNothing() => Assert.Null(RunAdvice.Of(new Dictionary<string, StageShares>()));

    private static StepCost Cost(double upload = 0, string source = "assumed", double again = 0) => new(
        new StepWork(1, 1, again, 1, 1, 1, 1, (0, 0, 0)), new StepTime(1, 0, upload, 0, 0, 0), new MachineRates("cpu", 1, 1, 1, 1, 1, 1, source));

    private static async Task<(IReadOnlyDictionary<string, StageShares> Shares, long Tokens)> Run(
        int rows, int length, IHostOptimizer? optimizer = null, int accumulation = 1, ActivationPolicy policy = ActivationPolicy.Recompute, TimeSpan between = default)
    {
        var model = ModelFamilies.Define(ModelFolder.ReadConfig(RunFolder.Stories));
        var plan = TrainingPlan.For(model, new()
        {
            Optimizer = optimizer ?? OptimizerFactory.Create("adamw"), LearningRate = _ => 1e-4, GradientAccumulation = accumulation, Activations = _ => policy,
        });
        using var store = plan.CreateStore(StorePrecision.Fp32);
        using (var weights = WeightFiles.Open(RunFolder.Stories)) await StoreLoader.LoadAsync(weights, store.Units);
        using var device = ComputeDevice.Parse("cpu");
        await using var run = plan.Start(store, device);
        var ids = Enumerable.Range(0, rows * length).Select(i => 3L + (i % 500)).ToArray();
        long[] positions = [.. Enumerable.Range(0, rows * length).Select(i => (long)(i % length))];
        var batch = new MicroBatch(rows, length, ids, ids, positions);
        for (var step = 0; step < Steps; step++)
        {
            await (await run.BeginStepAsync([.. Enumerable.Repeat(batch, accumulation)])).Report;
            await Task.Delay(between);
        }

        return (run.Shares, (long)Steps * accumulation * batch.TokenCount);
    }
}
