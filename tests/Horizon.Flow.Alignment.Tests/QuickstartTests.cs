using System.Text.Json;
using Horizon.Flow.Alignment.Preferences;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Preferences;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Alignment.Tests;

/// <summary>The quickstart's model, from a file of preferences to a model that prefers what it was shown, on stories that it was not.</summary>
public class QuickstartTests
{
    private static readonly string[] Names = ["Tom", "Lily", "Ben", "Mia", "Max", "Sue", "Tim", "Anna", "Sam", "Lucy", "Jack", "Amy"];
    private static readonly string[] Places = ["park", "house", "garden", "school"];

    private static string Folder { get; } = Path.Combine(Root(AppContext.BaseDirectory), "examples", "quickstart", "stories260K-hf");

    [Fact]
    public async Task Dpo_QuickstartsModel_LearnsToPreferHappyEnds()
    {
        using var folder = new TemporaryFolder();
        var stories = Names.SelectMany(name => Places.Select(place => (Name: name, Place: place))).ToList();
        string Lines(IEnumerable<(string Name, string Place)> some) => string.Join('\n', some.Select(story => JsonSerializer.Serialize(new
        {
            prompt = $"Once upon a time, {story.Name} went to the {story.Place}.", chosen = " The sun was warm and all were happy.", rejected = " The rain was cold and all were sad.",
        })));
        var tokenizer = HuggingFaceTokenizer.Load(Folder);
        PreferenceBatches Read(string name, IEnumerable<(string, string)> some) => PreferenceBatches.Of(
            PreferenceReader.ReadPairs(new DataOptions { Path = folder.Write(name, Lines(some)), SequenceLength = 128 }, tokenizer, tokenizer.VocabularySize).Examples, batchSize: 8, seed: 1);
        var (training, held) = (Read("train.jsonl", stories.Where((_, i) => i % 3 != 0)), Read("test.jsonl", stories.Where((_, i) => i % 3 == 0)));

        var metrics = new List<StepMetrics>();
        var plan = TrainingPlan
            .For(ModelFamilies.Define(ModelFolder.ReadConfig(Folder)), new() { Optimizer = OptimizerFactory.Create("adamw"), LearningRate = _ => 1e-4, HostThreads = 2 })
            .WithObjective(new DpoObjective { Beta = 0.1 })
            .WatchMetrics(metrics.Add);
        using var store = plan.CreateStore(StorePrecision.Bf16);
        using (var files = WeightFiles.Open(Folder)) await StoreLoader.LoadAsync(files, store.Units);
        using var device = new CpuDevice(threads: 1);
        await using var run = plan.Start(store, device);
        var reference = new ReferenceLogProbabilities();
        await reference.AddAsync(run, Epoch(training, 0).Concat(Epoch(held, 0)));
        IReadOnlyList<MicroBatch> test = [.. Epoch(held, 0).Select(reference.Attach)];
        var before = await run.EvaluateAsync(test);
        var reports = new List<double>();
        await foreach (var report in run.StepsAsync(Enumerable.Range(0, 4).SelectMany(epoch => Epoch(training, epoch).Select(reference.Attach)).Select(batch => new[] { batch }))) reports.Add(report.Loss);

        Assert.Equal(Math.Log(2), before, 1e-3);
        Assert.Equal(Math.Log(2), reports[0], 1e-3);
        Assert.InRange(await run.EvaluateAsync(test), 0, before - 0.05);
        Assert.True(metrics[^1].Values["rewards/margins"] > 0);
        Assert.Equal(1, metrics[^1].Values["rewards/accuracies"]);
    }

    private static IEnumerable<MicroBatch> Epoch(PreferenceBatches batches, int epoch) => Enumerable.Range(0, batches.MicroBatchesPerEpoch).Select(index => batches.GetMicroBatch(epoch, index));

    private static string Root(string folder) => File.Exists(Path.Combine(folder, "Horizon.Flow.sln")) ? folder : Root(Path.GetDirectoryName(folder.TrimEnd(Path.DirectorySeparatorChar))!);
}
