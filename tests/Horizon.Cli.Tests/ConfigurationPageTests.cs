using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Validation;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests;

public sealed class ConfigurationPageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>docs/configuration.md shows a configuration that is valid, and the defaults as they are.</summary>
    [Fact]
    public void Page_ShowsTheDefaults()
    {
        var text = File.ReadAllText(Path.Combine(FindRoot(AppContext.BaseDirectory), "docs", "configuration.md"));
        var begin = text.IndexOf("```yaml\n", StringComparison.Ordinal) + "```yaml\n".Length;
        var yaml = text[begin..text.IndexOf("```", begin, StringComparison.Ordinal)]
            .Replace("FILE-or-DIR", "data.txt", StringComparison.Ordinal).Replace("FILE", "data.txt", StringComparison.Ordinal).Replace("DIR", "folder", StringComparison.Ordinal);
        _folder.Write("data.txt", "Once upon a time");
        _folder.Write("folder/config.json", "{}");
        var shown = ConfigurationLoader.Load(_folder.Write("run.yaml", yaml), use: ConfigurationUse.Inspect);
        Assert.Equal(new ModelSection { Path = shown.Model.Path }, shown.Model);
        Assert.Equal(new DataSection { Path = shown.Data.Path }, shown.Data);
        Assert.Equal(new TrainingSection(), shown.Training);
        Assert.Equal(new RolloutsSection(), shown.Rollouts);
        Assert.Equal(new OptimizerSection { Betas = [0.9, 0.95] }, shown.Optimizer);
        Assert.Equal(new ScheduleSection(), shown.Schedule);
        Assert.Equal(new EvaluationSection { Path = shown.Evaluation.Path }, shown.Evaluation);
        Assert.Equal(new CheckpointSection(), shown.Checkpoint);
        Assert.Equal(new PipelineSection(), shown.Pipeline);
        Assert.Equal(new Horizon.Flow.Runs.Sections.LoggingSection(), shown.Logging);
        Assert.Equal("auto", shown.Device);
    }

    private static string FindRoot(string folder) => File.Exists(Path.Combine(folder, "Horizon.Flow.sln")) ? folder : FindRoot(Path.GetDirectoryName(folder)!);
}
