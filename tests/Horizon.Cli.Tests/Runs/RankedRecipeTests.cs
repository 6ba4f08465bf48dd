using System.Text.Json;
using Horizon.Flow.Distributed;
using Horizon.Flow.Models.Tests.Reference;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Session;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Whatever a recipe trains, several ranks train it as one does: objectives, adapters, new tokens, the best checkpoint, first weights that are drawn.</summary>
public sealed class RankedRecipeTests : IDisposable
{
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(3);
    private static readonly string[] Names = ["Tom", "Lily", "Ben", "Mia", "Max", "Sue", "Tim"];

    private readonly RunFolder _run = new();

    public RankedRecipeTests()
    {
        _run.Write("pairs.jsonl", Lines(Names));
        _run.Write("held-out-pairs.jsonl", Lines(["Anna", "Sam", "Lucy"]));
        _run.Write("text.txt", string.Join('\n', Names.Concat(["Kim", "Joe"]).Select(name => $"Once upon a time, there was a little girl called {name}. She loved to play <|tool|> with them.")));
        _run.Write("held-out.txt", "One day, a little boy had a red ball. He loved to play with it.\nThe sun was warm.\nIt was cold.");
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Stories}} }
            data:       { path: text.txt, sequence_length: 64, cache: cache }
            training:   { batch_size: 1, gradient_accumulation: 6, epochs: 3, precision: fp32, cpu_threads: 1 }
            optimizer:  { learning_rate: 1e-3 }
            evaluation: { path: held-out.txt, every_steps: 2 }
            output:     { directory: out }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    /// <summary>Seven examples in steps of six: in the last step of an epoch all ranks but one have nothing of their own to do.</summary>
    [Theory]
    [InlineData(2, "pairs", "training.objective.name=dpo")]
    [InlineData(3, "pairs", "training.objective.name=dpo", "data.cache=false")] // each run looks at the untouched model itself
    [InlineData(3, "pairs", "training.objective.name=orpo", "training.objective.lambda=0.5")]
    [InlineData(2, "pairs", "training.objective.name=reward", "training.objective.centering=0.01")]
    [InlineData(2, "text", "training.objective.name=distillation", "training.objective.top_k=8", "model.init=random")]
    [InlineData(3, "text", "training.adapter.rank=2", "training.adapter.alpha=4")]
    [InlineData(2, "text", "model.additional_special_tokens=[\"<|tool|>\"]")]
    [InlineData(3, "text", "optimizer.name=muon", "optimizer.learning_rate=1e-3")]
    [InlineData(2, "text", "optimizer.name=adafactor", "checkpoint.keep_best=true", "checkpoint.every_steps=2", "optimizer.learning_rate=0.3")]
    public async Task Train_OnRanks_IsTheRunOfOne(int ranks, string data, params string[] set)
    {
        string[] files = data == "pairs" ? [$"data.path={_run.In("pairs.jsonl")}", $"evaluation.path={_run.In("held-out-pairs.jsonl")}"] : ["data.packing=false"];
        string[] teacher = set.Contains("training.objective.name=distillation") ? [$"training.objective.teacher={RunFolder.Stories}"] : [];
        string[] all = [.. set, .. files, .. teacher];
        var one = await SessionAsync(null, "one", all);
        using var port = FreePort.Take();
        var many = await Task.WhenAll(Enumerable.Range(0, ranks).Select(rank => Task.Run(() => SessionAsync(new RankPlace(rank, ranks, rank, ranks, "localhost", port.Number), "many", all)))).WaitAsync(Hang);
        Assert.NotEmpty(one.Numbers);
        foreach (var rank in many)
        {
            Assert.Equal(one.Numbers.Select(number => number.Name), rank.Numbers.Select(number => number.Name));
            Assert.All(one.Numbers.Zip(rank.Numbers), pair => Assert.Equal(pair.First.Value, pair.Second.Value, 1e-4 * Math.Max(1, Math.Abs(pair.First.Value))));
            Assert.Equal(one.BestStep, rank.BestStep);
        }

        Numbers.AssertClose(Weights("one"), Weights("many"), set.Contains("optimizer.name=muon") ? 3e-3 : 2e-4);
    }

    private async Task<(List<(string Name, double Value)> Numbers, long? BestStep)> SessionAsync(RankPlace? place, string output, string[] set)
    {
        var numbers = new List<(string, double)>();
        await using var session = await TrainingSession.OpenAsync(ConfigurationLoader.Load(_run.In("run.yaml"), [.. set, $"output.directory={_run.In(output)}"]), place: place);
        await foreach (var happened in session.RunAsync(CancellationToken.None))
        {
            if (happened is TrainingEvent.StepEnded step)
            {
                numbers.Add(("loss", step.Report.Loss));
                numbers.AddRange(step.Metrics.OrderBy(metric => metric.Key, StringComparer.Ordinal).Select(metric => (metric.Key, metric.Value)));
            }

            if (happened is TrainingEvent.Evaluated evaluated)
            {
                numbers.Add(("eval_loss", evaluated.Loss));
                numbers.AddRange(evaluated.Metrics.OrderBy(metric => metric.Key, StringComparer.Ordinal).Select(metric => (metric.Key, metric.Value)));
            }
        }

        return (numbers, (await session.SaveAsync()).BestStep);
    }

    private Dictionary<string, float[]> Weights(string output) =>
        new SafetensorsReader(Directory.GetFiles(_run.In(Path.Combine(output, "model")), "*.safetensors").Single()).AllFloats();

    private static string Lines(IEnumerable<string> names) => string.Concat(names.Select(name => JsonSerializer.Serialize(new
    {
        prompt = $"Once upon a time, {name} went home.", chosen = " The sun was warm.", rejected = " It was cold and all were sad.",
    }) + "\n"));
}
