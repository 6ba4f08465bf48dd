namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Every recipe runs as it is written, cut to some steps, and does what its page says; every one has a page and stands in the index.</summary>
public sealed class RecipeTests : IDisposable
{
    private readonly RunFolder _run = new();

    private static string Folder { get; } = Path.Combine(Root(AppContext.BaseDirectory), "examples", "recipes");

    public static TheoryData<string> Names => [.. Directory.GetFiles(Folder, "*.yaml").Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal)];

    public void Dispose() => _run.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Train_Recipe_LowersItsLossOnWhatWasHeldOut(string name)
    {
        string[] set = ["output.directory=" + _run.Output, "training.max_steps=12", "training.cpu_threads=1", "data.cache=false", "schedule.name=constant", "schedule.warmup_steps=0", "evaluation.every_steps=6"];
        var run = await _run.RunAsync(["train", Path.Combine(Folder, name + ".yaml"), .. set.SelectMany(assignment => (string[])["--set", assignment])]);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        var losses = _run.Metric("eval_loss").ToList();
        Assert.Equal(3, losses.Count);
        Assert.True(losses[^1] < 0.97 * losses[0], $"{losses[0]} -> {losses[^1]}");
        Assert.True(File.Exists(Path.Combine(_run.Model, name is "lora" ? "adapter_model.safetensors" : "model.safetensors")));
        if (name is "grpo") Assert.True(_run.Metric("eval_passed").Last() > _run.Metric("eval_passed").First() + 0.3);
        if (name is "dpo") Assert.Equal(Math.Log(2), losses[0], 1e-6);
        if (name is "dpo" or "orpo" or "reward-model") Assert.Equal(1, _run.Metric("eval_rewards/accuracies").Last());
    }

    [Fact]
    public void Readme_NamesEveryRecipeAndItsPage()
    {
        var index = File.ReadAllText(Path.Combine(Folder, "README.md"));
        Assert.NotEmpty(Names);
        foreach (var name in Directory.GetFiles(Folder, "*.yaml").Select(Path.GetFileNameWithoutExtension))
        {
            Assert.Contains($"({name}.md)", index, StringComparison.Ordinal);
            var page = File.ReadAllText(Path.Combine(Folder, name + ".md"));
            Assert.Contains($"train examples/recipes/{name}.yaml", page, StringComparison.Ordinal);
        }
    }

    private static string Root(string folder) => File.Exists(Path.Combine(folder, "Horizon.Flow.sln")) ? folder : Root(Path.GetDirectoryName(folder)!);
}
