namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>The recipe of adapters, as it stands in the repository.</summary>
public sealed class LoraRecipeTests
{
    [Fact]
    public async Task Train_LoraRecipe_LearnsAndMerges()
    {
        using var run = new RunFolder();
        var recipe = Path.Combine(FindRoot(AppContext.BaseDirectory), "examples", "recipes", "lora.yaml");
        var trained = await run.RunAsync("train", recipe, "--set", $"output.directory={run.Output}", "--set", "device=cpu");
        Assert.Equal((ExitCodes.Success, ""), (trained.ExitCode, trained.Error));
        var losses = run.Metric("eval_loss").ToList();
        Assert.True(losses[^1] < losses[0] - 0.5, string.Join(", ", losses));
        var merged = await run.RunAsync("merge", "--model", run.Model, "--output", run.In("merged"));
        Assert.Equal((ExitCodes.Success, ""), (merged.ExitCode, merged.Error));
        // Merged weights are rounded once more: the text may turn off later, not at its first word.
        var (whole, adapted) = (await GenerateAsync(run.In("merged")), await GenerateAsync(run.Model));
        Assert.Equal(adapted.Output.Split(' ', 2)[0], whole.Output.Split(' ', 2)[0]);
        Assert.Equal(ExitCodes.Success, adapted.ExitCode);

        Task<Commands.CommandHarness> GenerateAsync(string folder) => run.RunAsync("generate", "--model", folder, "--prompt", "MIRANDA:\n", "--max-tokens", "8", "--temperature", "0");
    }

    private static string FindRoot(string folder) => File.Exists(Path.Combine(folder, "Horizon.Flow.sln")) ? folder : FindRoot(Path.GetDirectoryName(folder)!);
}
