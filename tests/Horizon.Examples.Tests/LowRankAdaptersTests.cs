using System.Text.Json;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Testing;
using Horizon.Flow.Models.Tests.Reference;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Examples.Tests;

public sealed class LowRankAdaptersTests : IDisposable
{
    private const int Steps = 6;
    private readonly string _folder = Directory.CreateTempSubdirectory("horizon-adapters-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task RunAsync_Adapters_EqualDenseLoraAndLeaveTheBaseAlone()
    {
        var shown = await LowRankAdaptersExample.RunAsync(TextWriter.Null, Steps, _folder);
        Assert.True(shown.Before.Zip(shown.Trained.Parameters).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second)));
        Assert.Equal(Steps * sizeof(float) * shown.Adapters.Values.Sum(values => values.Length), shown.BytesDown);

        var (expected, reports) = Dense(shown.Before, shown.Initial);
        Numbers.AssertClose(expected, shown.Adapters, 1e-4);
        foreach (var (wanted, report) in reports.Zip(shown.Trained.Reports))
        {
            Assert.Equal(wanted.Loss, report.Loss, 1e-5 * wanted.Loss);
            Assert.Equal(wanted.Norm, report.GradientNorm, 1e-4 * wanted.Norm);
        }
    }

    /// <summary>A checkpoint goes on with the same rule alone: what the moments mean depends on it.</summary>
    [Fact]
    public void StateSettings_AreThoseOfTheRuleWithin() => Assert.Equal(
        OptimizerFactory.Create("adamw").StateSettings, LowRankAdaptersExample.CreateAdapters(StorePrecision.Fp32).StateSettings);

    [Fact]
    public async Task RunAsync_Exports_AreWhatPeftAndTransformersRead()
    {
        var shown = await LowRankAdaptersExample.RunAsync(TextWriter.Null, Steps, _folder);
        using var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, "adapter", "adapter_config.json")));
        Assert.Equal("LORA", config.RootElement.GetProperty("peft_type").GetString());
        Assert.Equal(4, config.RootElement.GetProperty("r").GetInt32());
        Assert.Equal(["q_proj", "v_proj", "gate_proj", "down_proj"], config.RootElement.GetProperty("target_modules").EnumerateArray().Select(name => name.GetString()));
        var adapter = new SafetensorsReader(Path.Combine(_folder, "adapter", "adapter_model.safetensors"));
        Assert.Equal(shown.Adapters.Keys.Order(), adapter.Names.Order());
        Assert.Contains("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", adapter.Names);
        Assert.Equal([4, Tiny.Config.HiddenSize], adapter.Shape("base_model.model.model.layers.3.self_attn.v_proj.lora_A.weight"));
        Assert.All(shown.Adapters, pair => Assert.Equal(pair.Value, adapter.Floats(pair.Key)));

        using var scope = NewDisposeScope();
        var merged = new SafetensorsReader(Path.Combine(_folder, "merged", "model.safetensors"));
        var model = new DenseModel(Tiny.Config, merged.Names.ToDictionary(name => name, name => tensor(merged.Floats(name), merged.Shape(name))));
        var batch = Tiny.Steps(100).Last()[0];
        var loss = model.LossSum(batch.InputIds, batch.Targets, batch.Positions, null, batch.Rows, batch.SequenceLength).item<float>() / batch.LabelledTokens;
        Assert.Equal(loss, shown.Evaluation, 1e-5 * loss);
    }

    [Fact]
    public async Task RunAsync_Bf16_TrainsExactMastersOfAdapters()
    {
        var shown = await LowRankAdaptersExample.RunAsync(TextWriter.Null, Steps, _folder, StorePrecision.Bf16);
        Assert.True(shown.Before.Zip(shown.Trained.Parameters).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second)));
        Assert.True(shown.Trained.LastLoss < shown.Trained.Reports[0].Loss);
    }

    // LoRA as its paper writes it: whole-graph autograd through W + s B A, one norm over all adapters, AdamW by its formula.
    private static (Dictionary<string, float[]> Adapters, List<(double Loss, double Norm)> Reports) Dense(
        IReadOnlyList<float[]> before, IReadOnlyDictionary<string, float[]> initial)
    {
        using var scope = NewDisposeScope();
        var weights = DenseParameters.Of(before);
        var trained = initial.ToDictionary(pair => pair.Key, pair =>
            (pair.Key.Contains("lora_A") ? tensor(pair.Value, [4, pair.Value.Length / 4]) : tensor(pair.Value, [pair.Value.Length / 4, 4])).requires_grad_());
        var moments = trained.ToDictionary(pair => pair.Key, pair => (First: zeros_like(pair.Value), Second: zeros_like(pair.Value)));
        var reports = new List<(double, double)>();
        foreach (var batch in Tiny.Steps(Steps).Select(step => step[0]))
        {
            var adapted = weights.ToDictionary(pair => pair.Key, pair =>
            {
                var name = $"base_model.model.{pair.Key.Replace(".weight", "")}";
                return trained.TryGetValue(name + ".lora_A.weight", out var a) ? pair.Value.Plus(trained[name + ".lora_B.weight"].matmul(a).Times(2)) : pair.Value;
            });
            var loss = new DenseModel(Tiny.Config, adapted).LossSum(batch.InputIds, batch.Targets, batch.Positions, null, batch.Rows, batch.SequenceLength).Over(batch.LabelledTokens);
            var gradients = trained.Keys.Zip(autograd.grad([loss], [.. trained.Values])).ToList();
            var norm = Math.Sqrt(gradients.Sum(pair => pair.Second.to(float64).Squared().sum().item<double>()));
            reports.Add((loss.item<float>(), norm));
            using var noGrad = no_grad();
            foreach (var (name, raw) in gradients)
            {
                var gradient = raw.Times(Math.Min(1, 0.5 / (norm + 1e-6)));
                moments[name].First.TimesInPlace(0.9).AddInPlace(gradient.Times(0.1));
                moments[name].Second.TimesInPlace(0.95).AddInPlace((gradient * gradient).Times(0.05));
                var denominator = moments[name].Second.sqrt().Over(Math.Sqrt(1 - Math.Pow(0.95, reports.Count))).Plus(1e-6);
                trained[name].sub_((moments[name].First / denominator).Times(1e-2 / (1 - Math.Pow(0.9, reports.Count))));
            }
        }

        return (trained.ToDictionary(pair => pair.Key, pair => pair.Value.detach().data<float>().ToArray()), reports);
    }
}
