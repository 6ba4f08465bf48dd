using System.Text.Json;
using Horizon.Flow.Alignment.Preferences;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Preferences;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Alignment.Tests;

/// <summary>What docs/alignment.md shows, as it runs.</summary>
public class AlignmentPageTests
{
    [Fact]
    public async Task Loop_AsItIsShown_WidensTheMargin()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("preferences.jsonl", string.Join('\n', Enumerable.Range(0, 48).Select(i => JsonSerializer.Serialize(new
        {
            prompt = $"Once upon a time there were {i} cats.", chosen = " All were happy.", rejected = " All were sad.",
        }))));
        var source = Path.Combine(Root(AppContext.BaseDirectory), "examples", "quickstart", "stories260K-hf");
        var tokenizer = HuggingFaceTokenizer.Load(source);
        var model = ModelFamilies.Define(ModelFolder.ReadConfig(source));
        var options = new TrainingOptions { Optimizer = OptimizerFactory.Create("adamw"), LearningRate = _ => 3e-4, HostThreads = 2 };
        using var store = TrainingPlan.For(model, options).CreateStore(StorePrecision.Fp32);
        using (var files = WeightFiles.Open(source)) await StoreLoader.LoadAsync(files, store.Units);
        using var device = new CpuDevice(threads: 1);
        var kept = Path.Combine(folder.Path, "reference");
        var (margins, losses) = (new List<double>(), new List<double>());

        // <snippet>
        var pairs = PreferenceReader.ReadPairs(new() { Path = path, SequenceLength = 128 }, tokenizer, model.VocabularySize);
        var data = PreferenceBatches.Of(pairs.Examples, batchSize: 8, seed: 1);
        var batches = Enumerable.Range(0, data.MicroBatchesPerEpoch).Select(index => data.GetMicroBatch(epoch: 0, index)).ToList();
        var plan = TrainingPlan.For(model, options).WithObjective(new DpoObjective { Beta = 0.1 }).WatchMetrics(step => margins.Add(step.Values["rewards/margins"]));
        await using var run = plan.Start(store, device);
        var reference = new ReferenceLogProbabilities();
        await reference.AddAsync(run, batches);    // before the first step
        reference.Save(kept);                      // a run that resumes loads it: its store is not untouched any more
        await foreach (var step in run.StepsAsync(batches.Select(reference.Attach).Select(batch => new[] { batch }))) losses.Add(step.Loss);
        // </snippet>

        Assert.Equal(Math.Log(2), losses[0], 1e-4);
        Assert.InRange(losses[^1], 0, losses[0] - 0.01);
        Assert.True(margins[^1] > 0);
    }

    private static string Root(string folder) => File.Exists(Path.Combine(folder, "Horizon.Flow.sln")) ? folder : Root(Path.GetDirectoryName(folder.TrimEnd(Path.DirectorySeparatorChar))!);
}
