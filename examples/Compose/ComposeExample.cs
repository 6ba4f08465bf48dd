using Horizon.Flow;
using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;
using Horizon.Flow.Models;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Examples;

/// <summary>The README's program: a training loop composed in code, on the quickstart's model and text.</summary>
public static class ComposeExample
{
    /// <summary>Trains a few steps.</summary>
    /// <param name="output">Is told of each step.</param>
    /// <param name="folder">The quickstart's folder.</param>
    /// <param name="steps">How many.</param>
    public static async Task<IReadOnlyList<StepReport>> RunAsync(TextWriter output, string folder, int steps = 10)
    {
        var reports = new List<StepReport>();
        // <snippet>
        var model = ModelFamilies.Define(ModelFolder.ReadConfig($"{folder}/stories260K-hf"));
        var largest = new Dictionary<string, float>();
        var plan = TrainingPlan
            .For(model, new() { Optimizer = OptimizerFactory.Create("lion"), LearningRate = step => 3e-4 / step, MaxGradientNorm = null })
            .Freeze(unit => unit.Name == "layer 0")
            .At(Stages.Accumulate).Tap("largest gradient", gradient => (gradient.UnitName, Max(gradient)), seen => largest[seen.UnitName] = seen.Item2);
        await output.WriteLineAsync(plan.Draw(StorePrecision.Fp32).ToMermaid());

        using var store = plan.CreateStore(StorePrecision.Fp32);
        using (var checkpoint = WeightFiles.Open($"{folder}/stories260K-hf")) await StoreLoader.LoadAsync(checkpoint, store.Units);
        var tokenizer = HuggingFaceTokenizer.Load($"{folder}/stories260K-hf");
        var data = BatchSource.Open(new() { Path = $"{folder}/text/train.txt", SequenceLength = 256 }, tokenizer, model.VocabularySize, batchSize: 4, seed: 1);
        using var device = ComputeDevice.Parse("auto");
        await using (var run = plan.Start(store, device))
        {
            await foreach (var step in run.StepsAsync(Enumerable.Range(0, steps).Select(i => new[] { data.GetMicroBatch(epoch: 0, i) })))
            {
                await output.WriteLineAsync($"step {step.Step}  loss {step.Loss:F4}  {step.TokensPerSecond:N0} tokens/s");
                reports.Add(step);
            }
        }

        foreach (var (unit, value) in largest) await output.WriteLineAsync($"largest gradient of {unit}: {value:G3}");
        // </snippet>
        return reports;
    }

    private static float Max(HostGradient gradient)
    {
        var largest = 0f;
        foreach (var value in gradient.Floats(0, (int)gradient.Visit.Layout.ElementCount)) largest = Math.Max(largest, Math.Abs(value));
        return largest;
    }
}
