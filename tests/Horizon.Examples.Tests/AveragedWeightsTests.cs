using Horizon.Flow;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Tests.Reference;

namespace Horizon.Examples.Tests;

public sealed class AveragedWeightsTests : IDisposable
{
    private const double Decay = 0.7;
    private readonly string _folder = Directory.CreateTempSubdirectory("horizon-average-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(StorePrecision.Fp32)]
    [InlineData(StorePrecision.Bf16)]
    public async Task RunAsync_TheExportedModel_IsTheAverageOfAllSteps(StorePrecision precision)
    {
        const int steps = 6;
        var shown = await AveragedWeightsExample.RunAsync(TextWriter.Null, steps, Decay, _folder, precision);
        var expected = await AverageAsync(steps, precision);
        var exported = new SafetensorsReader(Path.Combine(_folder, "model.safetensors")).AllFloats();
        foreach (var (unit, mean) in Tiny.Model.Units.Zip(expected))
        {
            foreach (var slot in unit.Parameters)
            {
                var wanted = mean.AsSpan((int)slot.Offset, (int)slot.Count).ToArray();
                Assert.All(wanted.Zip(exported[slot.TensorName]), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
            }
        }

        var plain = await Outcome.OfAsync(TrainingPlan.For(Tiny.Model, AveragedWeightsExample.Options), steps);
        if (precision == StorePrecision.Fp32) Assert.True(plain.IsBitwise(shown.Trained));
        Assert.NotEqual(shown.Evaluation, shown.ExportedEvaluation);
    }

    // From the parameters at each step boundary, in double.
    private static async Task<List<double[]>> AverageAsync(int steps, StorePrecision precision)
    {
        var plan = TrainingPlan.For(Tiny.Model, AveragedWeightsExample.Options);
        using var store = Tiny.Fill(plan, plan.CreateStore(precision));
        using var device = Tiny.CreateDevice();
        await using var run = plan.Start(store, device);
        var means = Outcome.Read(store).Select(unit => unit.Select(value => (double)value).ToArray()).ToList();
        await foreach (var report in run.StepsAsync(Tiny.Steps(steps)))
        {
            Assert.False(report.Skipped);
            foreach (var (mean, now) in means.Zip(Outcome.Read(store)))
                for (var i = 0; i < mean.Length; i++) mean[i] = (Decay * mean[i]) + ((1 - Decay) * now[i]);
        }

        return means;
    }
}
