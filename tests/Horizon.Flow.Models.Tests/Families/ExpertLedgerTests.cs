using Horizon.Flow.Activations;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Experts;
using Horizon.Flow.Models.Tests.Reference;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>The load-balancing loss and the loads of experts.</summary>
public class ExpertLedgerTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "data", "families", "qwen3.5-moe");

    /// <summary>Value and gradients, layer by layer, against the formula over all layers at once in fp64.</summary>
    [Cases(100, Arbitrary = [typeof(BalanceCase.Cases)])]
    public void Loss_AnyRouting_EqualsTheFormulaInFp64(BalanceCase routing)
    {
        using var scope = NewDisposeScope();
        var values = routing.Logits();
        var (loss, slopes) = Formula(routing, values);
        var ledger = new ExpertLedger(routing.Config, [.. Enumerable.Range(0, routing.Layers).Select(layer => (2 * layer) + 1)]);
        using var batch = UnitWalk.Batch(new MicroBatch(1, routing.Tokens, new long[routing.Tokens], new long[routing.Tokens], new long[routing.Tokens]));
        List<(Tensor Logits, OwnLoss Loss)> layers = [.. values.Select((numbers, layer) =>
        {
            var logits = tensor(numbers, [routing.Tokens, routing.Experts]).requires_grad_();
            var losses = new List<OwnLoss>();
            ledger.Write((2 * layer) + 1, batch, logits, logits.topk(routing.PerToken).indexes, losses);
            return (logits, Assert.Single(losses));
        })];

        Assert.Equal(loss, ledger.LossOf(batch).item<float>(), 1e-5 * loss);
        foreach (var ((logits, own), slope) in layers.Zip(slopes))
        {
            var found = autograd.grad([own.Value], [logits], [own.Gradient()])[0].data<float>().ToArray();
            Assert.True(Numbers.Norm(found.Zip(slope, (given, wanted) => given - wanted)) < 1e-5 * (Numbers.Norm(slope) + (0.01 * loss)), $"{string.Join(' ', found)} for {string.Join(' ', slope)}");
        }
    }

    /// <summary>What a run reports: the loss has the balancing loss in it, the same whatever becomes of activations, and the gradients of several micro-batches add up.</summary>
    [Theory]
    [InlineData(ActivationPolicy.Recompute, 1)]
    [InlineData(ActivationPolicy.Recompute, 3)]
    [InlineData(ActivationPolicy.Keep, 1)]
    public async Task Train_WithBalancing_IsTheSameForEveryPolicy(ActivationPolicy policy, int interval)
    {
        var plain = await TrainAsync(balancing: 0, ActivationPolicy.Recompute, 1, 1);
        var expected = await TrainAsync(balancing: 0.5, ActivationPolicy.Recompute, 1, 1);
        var report = await TrainAsync(balancing: 0.5, policy, interval, 1);

        Assert.Equal((expected.Loss, expected.Norm), (report.Loss, report.Norm));
        Assert.Equal(plain.Metrics[ExpertMetrics.MostLoaded], report.Metrics[ExpertMetrics.MostLoaded]);
        Assert.False(plain.Metrics.ContainsKey(ExpertMetrics.Balancing));
        Assert.NotEqual(plain.Norm, report.Norm);
        Assert.Equal(plain.Loss + report.Metrics[ExpertMetrics.Balancing], report.Loss, 1e-5);
        // Even loads give the factor times the experts of a token; the first step's are not far off.
        Assert.InRange(report.Metrics[ExpertMetrics.Balancing], 0.9 * 0.5 * report.PerToken, 2 * 0.5 * report.PerToken);
    }

    /// <summary>Two micro-batches with the same tokens are the same step, loads in shares of all tokens included.</summary>
    [Fact]
    public async Task Train_MicroBatchesAlike_EqualOne()
    {
        var (one, two) = (await TrainAsync(0.5, ActivationPolicy.Recompute, 1, 1), await TrainAsync(0.5, ActivationPolicy.Recompute, 1, 2));
        Assert.Equal(one.Loss, two.Loss, 1e-6);
        Assert.Equal(one.Norm, two.Norm, 1e-5 * one.Norm);
        foreach (var (name, value) in one.Metrics) Assert.Equal(value, two.Metrics[name], 1e-6);
        var even = (double)one.PerToken / one.Experts;
        Assert.InRange(one.Metrics[ExpertMetrics.MostLoaded], even, 1);
        Assert.InRange(one.Metrics[ExpertMetrics.LeastLoaded], 0, even);
    }

    private static async Task<(double Loss, double Norm, IReadOnlyDictionary<string, double> Metrics, int PerToken, int Experts)> TrainAsync(double balancing, ActivationPolicy policy, int interval, int microBatches)
    {
        var read = (Dense.DenseConfig)ModelFolder.ReadConfig(Folder);
        var config = read with { Experts = read.Experts! with { Balancing = balancing } };
        var definition = ModelFamilies.Define(config);
        var plan = TrainingPlan.For(definition, new TrainingOptions
        {
            GradientAccumulation = microBatches,
            RecomputeInterval = interval,
            Pipeline = new PipelineOptions { DeviceBuffers = interval + 1 },
            Activations = layer => layer == 0 ? ActivationPolicy.Recompute : policy,
        }).WithExpertLoads();
        using var store = plan.CreateStore(StorePrecision.Fp32);
        using (var checkpoint = WeightFiles.Open(Folder)) await StoreLoader.LoadAsync(checkpoint, store.Units);
        var io = new SafetensorsReader(Path.Combine(Folder, "io.safetensors"));
        var ids = io.Integers("input_ids")[..64];
        var batch = new MicroBatch(2, 32, ids, [.. ids.Skip(1), -100], [.. ids.Select((_, place) => (long)(place % 32))]);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        await foreach (var report in run.StepsAsync([[.. Enumerable.Repeat(batch, microBatches)]]))
            return (report.Loss, report.GradientNorm, plan.ExpertMetricsOf(report), config.Experts.PerToken, config.Experts.Count);
        throw new InvalidOperationException("no step");
    }

    // As transformers' load_balancing_loss_func says it: over the tokens of all layers, one-hot choices and all.
    private static (double Loss, IReadOnlyList<float[]> Slopes) Formula(BalanceCase routing, IReadOnlyList<float[]> values)
    {
        Tensor[] layers = [.. values.Select(numbers => tensor(numbers, [routing.Tokens, routing.Experts], dtype: float64).requires_grad_())];
        var weights = cat(layers).softmax(-1);
        var chosen = nn.functional.one_hot(weights.topk(routing.PerToken).indexes, routing.Experts).to(float64);
        var loss = (chosen.mean([0]) * weights.mean([0]).unsqueeze(0)).sum().Times(routing.Config.Balancing * routing.Experts);
        return (loss.item<double>(), [.. autograd.grad([loss], layers).Select(slope => slope.to(float32).data<float>().ToArray())]);
    }
}
