using Horizon.Flow;
using Horizon.Flow.Checkpointing;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Examples.Tests;

public sealed class OwnRuleTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("horizon-own-rule-").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Fact]
    public async Task RunAsync_AdaBelief_Learns()
    {
        var outcome = await OwnRuleExample.RunAsync(TextWriter.Null);
        Assert.True(outcome.LastLoss < 0.8 * outcome.Reports[0].Loss);
    }

    [Theory]
    [InlineData(StorePrecision.Fp32, ElementType.Float32)]
    [InlineData(StorePrecision.Bf16, ElementType.Float32)]
    [InlineData(StorePrecision.Bf16, ElementType.BFloat16)]
    public void AdaBelief_ManySteps_EqualsTheFormulaInDouble(StorePrecision precision, ElementType gradients)
    {
        const int Count = 1003, Frozen = 10; // a number that no vector divides, and a group
        var random = new Random(3);
        var layout = new UnitLayout("unit", "unit", [("weight", "weight", [Count - Frozen]), ("bias", "bias", [Frozen])]);
        var optimizer = new AdaBelief(0.9, 0.99, 1e-12, new() { WeightDecay = 0.1, Groups = [new("bias", 0.5, 0)] });
        using var unit = new UnitState(layout, precision, optimizer.DescribeState(layout));
        using var workers = new HostWorkers(2);
        using var slab = new HostBuffer(Count * sizeof(float));
        var view = new HostGradientView(slab.Address, gradients, Count);
        double[] p = [.. Enumerable.Range(0, Count).Select(_ => (double)(float)(random.NextDouble() - 0.5))], m = new double[Count], s = new double[Count];
        unit.WriteMasters(0, [.. p.Select(value => (float)value)]);
        for (var t = 1; t <= 20; t++)
        {
            view.Write(0, [.. Enumerable.Range(0, Count).Select(_ => (float)(random.NextDouble() - 0.5))]);
            var read = new float[Count];
            view.Read(0, read);
            for (var i = 0; i < Count; i++)
            {
                var g = 0.5 * read[i];
                var (rate, decay) = i < Count - Frozen ? (1e-3, 0.1) : (5e-4, 0);
                m[i] = (0.9 * m[i]) + (0.1 * g);
                s[i] = (0.99 * s[i]) + (0.01 * (g - m[i]) * (g - m[i])) + 1e-12;
                p[i] = (p[i] * (1 - (rate * decay))) - (rate * (m[i] / (1 - Math.Pow(0.9, t))) / (Math.Sqrt(s[i] / (1 - Math.Pow(0.99, t))) + 1e-12));
            }

            optimizer.Update(unit, view, new OptimizerStep(t, 1e-3, 0.5f), workers);
        }

        var trained = new float[Count];
        unit.ReadMasters(0, trained);
        Assert.All(p.Zip(trained), pair => Assert.Equal(pair.First, pair.Second, 2e-5));
    }

    [Fact]
    public async Task Resume_FromACheckpoint_IsBitwiseTheSameAndOtherBetasAreRefused()
    {
        var plan = TrainingPlan.For(Tiny.Model, Tiny.Options with { Optimizer = new AdaBelief() });
        var whole = await Outcome.OfAsync(plan, 6);
        var folder = new TrainingCheckpoints(_path);
        using (var store = Tiny.CreateStore(plan))
        {
            await Outcome.OfAsync(plan, store, 3);
            await using var writer = new CheckpointWriter(plan, store, folder, new CheckpointOptions());
            await writer.WriteNowAsync();
        }

        using var resumed = plan.CreateStore(StorePrecision.Fp32);
        CheckpointContents Contents(IHostOptimizer optimizer) => CheckpointContents.Of(plan.Model.Architecture, resumed, optimizer);
        var error = await Assert.ThrowsAsync<HorizonException>(() => folder.Open(3).LoadAsync(resumed, Contents(new AdaBelief(beta1: 0.5))));
        Assert.Contains("the optimizer's betas is 0.9, 0.999 there, 0.5, 0.999 here", error.Message, StringComparison.Ordinal);
        await folder.Open(3).LoadAsync(resumed, Contents(plan.Options.Optimizer));
        Assert.Equal(["weights", "state.exp_avg", "state.exp_avg_var"], folder.Open(3).Manifest.Contents.Units[0].Buffers.Select(buffer => buffer.Name));
        using var device = Tiny.CreateDevice();
        await using (var run = plan.Start(resumed, device))
            foreach (var step in Tiny.Steps(6).Skip(3)) await run.BeginStepAsync(step);
        Assert.All(whole.Parameters.Zip(Outcome.Read(resumed)), pair => Assert.Equal(pair.First, pair.Second));
    }
}
